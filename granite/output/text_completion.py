"""The answer of `/v1/completions` as OpenAI's objects, whole or streamed.

Format: https://platform.openai.com/docs/api-reference/completions/object. lm-evaluation-harness reads `echo` with `logprobs`:
it takes a prompt's tokens by their position in `token_logprobs`, and expects one more entry, of the generated token.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from granite.output.answer import FINISH_REASONS, Answer, Delta, usage
from granite.output.logprobs import TokenLogprob


class TextCompletion:
    """One choice for each answer; each answer is complete when `end` is called for it."""

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
        self._answers = answers
        self._head = {
            "id": f"cmpl-{request_id}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }
        self._n = n
        self._prompt_only = prompt_only
        self._choices = [
            _Choice(index, answer, echo[index] if echo else "", logprobs, prompt_only)
            for index, answer in enumerate(answers)
        ]

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        """The chunks to stream now."""
        return [{**self._head, "choices": [choice]} for choice in self._choices[index].add(delta)]

    def end(self, index: int) -> list[dict[str, Any]]:
        """The last chunk of one choice."""
        return [{**self._head, "choices": [self._choices[index].end()]}]

    def usage_chunk(self) -> dict[str, Any]:
        return {**self._head, "choices": [], "usage": self._usage}

    def whole(self) -> dict[str, Any]:
        return {**self._head, "choices": [choice.whole() for choice in self._choices], "usage": self._usage}

    @property
    def _usage(self) -> dict[str, int]:
        prompt_tokens = sum(answer.prompt_tokens for answer in self._answers[:: self._n])
        return usage(prompt_tokens, 0 if self._prompt_only else sum(answer.tokens for answer in self._answers))


class _Choice:
    def __init__(self, index: int, answer: Answer, prompt: str, logprobs: bool, prompt_only: bool) -> None:
        """`prompt`: its text, if it is echoed."""
        self._index = index
        self._answer = answer
        self._prompt = prompt
        self._has_logprobs = logprobs
        self._prompt_only = prompt_only
        self._logprobs: list[TokenLogprob] = []
        self._begun = False
        self._offset = 0
        """Characters of the tokens streamed so far."""

    def add(self, delta: Delta) -> list[dict[str, Any]]:
        text = "" if self._begun else self._prompt
        new = list(delta.prompt_logprobs)
        self._begun = True
        if not self._prompt_only:
            text += delta.text
            new += delta.logprobs
        self._logprobs += new
        if not text and not new:
            return []
        logprobs = _logprobs(new, self._offset) if self._has_logprobs else None
        self._offset += sum(len(entry["token"]) for entry in new)
        return [self._object(text, logprobs, None)]

    def end(self) -> dict[str, Any]:
        return self._object("", None, self._finish_reason)

    def whole(self) -> dict[str, Any]:
        text = self._prompt if self._prompt_only else self._prompt + self._answer.text
        logprobs = _logprobs(self._logprobs, 0) if self._has_logprobs else None
        return self._object(text, logprobs, self._finish_reason)

    def _object(self, text: str, logprobs: dict[str, Any] | None, finish_reason: str | None) -> dict[str, Any]:
        return {"index": self._index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}

    @property
    def _finish_reason(self) -> str:
        return "length" if self._prompt_only else FINISH_REASONS[self._answer.finish_reason or "stop"]


def _logprobs(tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
    """`offset`: where the first token begins. A prompt's first token has null for its log probability."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token["token"])
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [_top(token) for token in tokens],
        "text_offset": offsets,
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
