"""Which chunks Cog sends of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from granite.output.answer import Answer, Delta
from granite.output.chat_completion import ChatCompletion
from granite.request.request import Request


class Output(Protocol):
    """Makes Cog's chunks of what the engine produces."""

    def add(self, delta: Delta) -> Iterator[str]: ...

    def end(self) -> Iterator[str]:
        """The last chunks, when the answer is complete; not called for one that failed or was canceled."""


def of(request: Request, answer: Answer, model: str, request_id: str) -> Output:
    """`answer`: grows elsewhere; it is complete when `end` is called."""
    if not request.chat:
        return Text()
    return Chat(ChatCompletion(request, [answer], model, request_id), request.stream)


class Text:
    """The answer to a prompt: its text as it is generated."""

    def add(self, delta: Delta) -> Iterator[str]:
        if delta.text:
            yield delta.text

    def end(self) -> Iterator[str]:
        yield from ()


class Chat:
    """The answer to a chat: one chunk when it has ended, or streamed, a line for each object, the last with the usage."""

    def __init__(self, completion: ChatCompletion, stream: bool) -> None:
        self._completion = completion
        self._stream = stream

    def add(self, delta: Delta) -> Iterator[str]:
        chunks = self._completion.add(0, delta)
        if self._stream:
            yield from map(_line, chunks)

    def end(self) -> Iterator[str]:
        chunks = self._completion.end(0)
        if self._stream:
            yield from map(_line, (*chunks, self._completion.usage_chunk()))
        else:
            yield _line(self._completion.whole()).rstrip("\n")


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
