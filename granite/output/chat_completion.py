"""The answer to a chat, as OpenAI's objects: one `chat.completion`, or a `chat.completion.chunk` for each piece.

Format: https://platform.openai.com/docs/api-reference/chat/object and …/chat-streaming, with `reasoning_content` (and
`reasoning`, vLLM's name of the same), `citations` and `hallucinations` beside OpenAI's fields.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from granite.output.answer import Answer, Delta
from granite.output.parser import Parser, Piece

FINISH_REASONS = {"stop": "stop", "length": "length", "repetition": "stop"}
"""vLLM's reasons in OpenAI's words."""


class Chat:
    """What both forms share."""

    def __init__(self, parser: Parser, answer: Answer, model: str, request_id: str) -> None:
        """`answer`: of this request, complete when `end` is called."""
        self._parser = parser
        self._answer = answer
        self._head = {"id": f"chatcmpl-{request_id}", "created": int(time.time()), "model": model}
        self._called = False

    def _parsed(self, delta: Delta) -> Piece:
        return self._seen(self._parser.add(delta.text))

    def _rest(self) -> Piece:
        return self._seen(self._parser.end())

    def _seen(self, piece: Piece) -> Piece:
        self._called = self._called or bool(piece.tool_calls)
        return piece

    def _object(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> str:
        return json.dumps({"object": kind, **self._head, "choices": choices, **more}, ensure_ascii=False)

    @property
    def _finish_reason(self) -> str:
        reason = FINISH_REASONS[self._answer.finish_reason or "stop"]
        # A call that max_tokens cut is no call to make.
        return "tool_calls" if self._called and reason == "stop" else reason

    @property
    def _usage(self) -> dict[str, int]:
        read, written = self._answer.prompt_tokens, self._answer.tokens
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class Completion(Chat):
    """One object, when the answer has ended."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pieces: list[Piece] = []
        self._logprobs: list[dict[str, Any]] = []

    def add(self, delta: Delta) -> Iterator[str]:
        self._pieces.append(self._parsed(delta))
        self._logprobs += delta.logprobs
        yield from ()

    def end(self) -> Iterator[str]:
        self._pieces.append(self._rest())
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", **message(self._pieces)},
            "finish_reason": self._finish_reason,
        }
        choice["logprobs"] = _logprobs(self._logprobs)
        yield self._object("chat.completion", [choice], usage=self._usage)


class CompletionChunks(Chat):
    """An object and a newline for each piece, then one with the finish reason, then one with the usage."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._begun = False
        self._logprobs: list[dict[str, Any]] = []

    def add(self, delta: Delta) -> Iterator[str]:
        self._logprobs += delta.logprobs
        yield from self._chunk(self._parsed(delta))

    def end(self) -> Iterator[str]:
        yield from self._chunk(self._rest())
        yield self._delta({}, self._finish_reason)
        yield self._object("chat.completion.chunk", [], usage=self._usage) + "\n"

    def _chunk(self, piece: Piece) -> Iterator[str]:
        first: dict[str, Any] = {} if self._begun else {"role": "assistant", "content": ""}
        self._begun = True
        if changed := first | added(piece):
            yield self._delta(changed, None)

    def _delta(self, delta: dict[str, Any], finish_reason: str | None) -> str:
        """Log probabilities go with the next chunk: the text of their tokens may have been held back."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": _logprobs(self._logprobs)}
        self._logprobs = []
        return self._object("chat.completion.chunk", [choice]) + "\n"


def message(pieces: Sequence[Piece]) -> dict[str, Any]:
    """The whole message: `content`, which is None where there are only calls, and what else there is."""
    calls: dict[int, dict[str, Any]] = {}
    for part in (call for piece in pieces for call in piece.tool_calls):
        call = calls.setdefault(
            part["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = part.get("id", call["id"])
        for key, text in part.get("function", {}).items():
            call["function"][key] += text
    content = "".join(piece.content for piece in pieces)
    reasoning = "".join(piece.reasoning for piece in pieces)
    whole: dict[str, Any] = {"content": content if content.strip() or not calls else None}
    if reasoning:
        whole |= _reasoning(reasoning)
    if calls:
        whole["tool_calls"] = list(calls.values())
    for piece in pieces:
        whole |= piece.lists
    return whole


def added(piece: Piece) -> dict[str, Any]:
    """What a piece adds to the message; empty where that is nothing yet."""
    delta: dict[str, Any] = {}
    if piece.content:
        delta["content"] = piece.content
    if piece.reasoning:
        delta |= _reasoning(piece.reasoning)
    if piece.tool_calls:
        delta["tool_calls"] = list(piece.tool_calls)
    return delta | piece.lists


def _reasoning(text: str) -> dict[str, str]:
    return {"reasoning_content": text, "reasoning": text}


def _logprobs(tokens: list[dict[str, Any]]) -> dict[str, Any] | None:
    return {"content": tokens} if tokens else None
