"""The answer of `/v1/completions` as OpenAI's objects, whole or streamed.

Format: https://platform.openai.com/docs/api-reference/completions/object. lm-evaluation-harness reads `echo` with `logprobs`:
it takes a prompt's tokens by their position in `token_logprobs`, and expects one more entry, of the generated token.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from granite.output.answer import Answer, Delta
from granite.output.completion import Completion
from granite.output.logprobs import TokenLogprob


class TextCompletion(Completion):
    whole_object = chunk_object = "text_completion"

    def __init__(
        self,
        answers: Sequence[Answer],
        model: str,
        request_id: str,
        *,
        n: int = 1,
        echo: Sequence[str] | None = None,
        logprobs: bool = False,
        prompt_only: bool = False,
    ) -> None:
        """`answers`: `n` for each prompt, in the order of the prompts. `echo`: the text of each answer's prompt.

        `prompt_only`: max_tokens is 0; the answer, one token that the engine has to generate, is not part of the result.
        """
        self._prompt_only = prompt_only
        choices = [_Choice(index, echo[index] if echo else "", logprobs) for index in range(len(answers))]
        super().__init__(f"cmpl-{request_id}", model, choices, answers[::n], [] if prompt_only else answers)

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        if self._prompt_only:
            delta = Delta("", 0, "length", prompt_logprobs=delta.prompt_logprobs)
        return super().add(index, delta)


class _Choice:
    def __init__(self, index: int, prompt: str, logprobs: bool) -> None:
        """`prompt`: its text, if it is echoed."""
        self._index = index
        self._prompt = prompt
        self._has_logprobs = logprobs
        self._texts: list[str] = []
        self._tokens: list[TokenLogprob] = []
        self._finish_reason = "stop"
        self._offset = 0
        """Characters of the tokens streamed so far."""

    def add(self, delta: Delta) -> list[dict[str, Any]]:
        text = delta.text if self._texts else self._prompt + delta.text
        tokens = [*delta.prompt_logprobs, *delta.logprobs]
        self._texts.append(text)
        self._tokens += tokens
        self._finish_reason = "length" if delta.finish_reason == "length" else "stop"
        if not text and not tokens:
            return []
        logprobs = _logprobs(tokens, self._offset) if self._has_logprobs else None
        self._offset += sum(len(token["token"]) for token in tokens)
        return [self._object(text, logprobs, None)]

    def end(self) -> list[dict[str, Any]]:
        return [self._object("", None, self._finish_reason)]

    def whole(self) -> dict[str, Any]:
        logprobs = _logprobs(self._tokens, 0) if self._has_logprobs else None
        return self._object("".join(self._texts), logprobs, self._finish_reason)

    def _object(self, text: str, logprobs: dict[str, Any] | None, finish_reason: str | None) -> dict[str, Any]:
        return {"index": self._index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}


def _logprobs(tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
    """`offset`: where the first token begins. A prompt's first token has null for its log probability."""
    texts = [token["token"] for token in tokens]
    return {
        "tokens": texts,
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [_top(token) for token in tokens],
        "text_offset": list(accumulate(map(len, texts), initial=offset))[:-1],
    }


def _top(token: TokenLogprob) -> dict[str, float | None] | None:
    """The likeliest tokens and the token itself."""
    if token["logprob"] is None:
        return None
    top: dict[str, float | None] = {}
    for entry in (*token["top_logprobs"], token):
        # Halves of a character have the same text: the likeliest of them stays, so that the maximum is right.
        top.setdefault(entry["token"], entry["logprob"])
    return top
