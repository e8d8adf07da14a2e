"""Which chunks Cog sends of an answer."""

import json
from typing import Any

from granite.output.answer import Answer, Delta
from granite.output.chat_completion import ChatCompletion
from granite.request.request import Request


class Text:
    """The answer to a prompt: its text as it is generated."""

    def add(self, delta: Delta) -> list[str]:
        return [delta.text] if delta.text else []

    def end(self) -> list[str]:
        return []


class Chat:
    """The answer to a chat: one chunk when it has ended, or streamed, a line for each object, the last with the usage."""

    def __init__(self, completion: ChatCompletion, stream: bool) -> None:
        self._completion = completion
        self._stream = stream

    def add(self, delta: Delta) -> list[str]:
        chunks = self._completion.add(0, delta)
        return [_json(chunk) + "\n" for chunk in chunks if self._stream]

    def end(self) -> list[str]:
        """Not called for an answer that failed or was canceled."""
        chunks = self._completion.end(0)
        if not self._stream:
            return [_json(self._completion.whole())]
        return [_json(chunk) + "\n" for chunk in (*chunks, self._completion.usage_chunk())]


Output = Text | Chat


def of(request: Request, answer: Answer, model: str, request_id: str) -> Output:
    """`answer`: grows elsewhere; it is complete when `end` is called."""
    return Chat(ChatCompletion(request, [answer], model, request_id), request.stream) if request.chat else Text()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
