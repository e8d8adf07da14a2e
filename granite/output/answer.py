"""What one request has produced so far: its text, its counts, its times."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from granite.output.logprobs import TokenLogprob


@dataclass(frozen=True)
class Delta:
    """What the engine produced since the last one: whole characters, and the number of tokens that they took.

    `logprobs`: one per token, if requested. `prompt_logprobs`: one per token of the prompt, in the first delta only.
    """

    text: str
    tokens: int
    finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    prompt_logprobs: tuple[TokenLogprob, ...] = ()

    @classmethod
    def joined(cls, deltas: Sequence[Self]) -> Self:
        return cls(
            text="".join(delta.text for delta in deltas),
            tokens=sum(delta.tokens for delta in deltas),
            finish_reason=deltas[-1].finish_reason,
            logprobs=tuple(token for delta in deltas for token in delta.logprobs),
            prompt_logprobs=tuple(token for delta in deltas for token in delta.prompt_logprobs),
        )


@dataclass
class Answer:
    """Grows by deltas. Times are seconds since it was created, when the request came."""

    prompt_tokens: int = 0
    began: float = field(default_factory=time.perf_counter)
    tokens: int = 0
    finish_reason: str | None = None
    first_token: float = 0
    last_token: float = 0
    _texts: list[str] = field(default_factory=list)

    def add(self, delta: Delta) -> None:
        if delta.tokens:
            self.last_token = self.seconds
            self.first_token = self.first_token or self.last_token
        self.tokens += delta.tokens
        self.finish_reason = delta.finish_reason
        self._texts.append(delta.text)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def metrics(self) -> dict[str, int | float | str]:
        """The metrics of a prediction. `tokens_per_second` is the speed of decoding, without the first token's wait."""
        metrics: dict[str, int | float | str] = {
            "input_token_count": self.prompt_tokens,
            "output_token_count": self.tokens,
            "token_input_count": self.prompt_tokens,
            "token_output_count": self.tokens,
        }
        if self.first_token:
            metrics["time_to_first_token"] = self.first_token
            if self.last_token > self.first_token:
                metrics["tokens_per_second"] = (self.tokens - 1) / (self.last_token - self.first_token)
        if self.finish_reason is not None:
            metrics["finish_reason"] = self.finish_reason
        return metrics
