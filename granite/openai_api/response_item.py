"""The items of a response's output: a message, thoughts or a function call, and the events in which each grows.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import uuid
from typing import Any, Protocol

Event = dict[str, Any]


class Item(Protocol):
    """`value`: the item as it is so far."""

    value: dict[str, Any]

    def open(self) -> list[Event]: ...
    def add(self, text: str, logprobs: list[Any]) -> list[Event]: ...
    def close(self, status: str) -> list[Event]: ...


class Text:
    """A message or thoughts; each has one part, a text."""

    def __init__(self, kind: str, output_index: int) -> None:
        """`kind`: message or reasoning."""
        self._message = kind == "message"
        self._event = "response.output_text" if self._message else "response.reasoning_text"
        self._texts: list[str] = []
        self._logprobs: list[Any] = []
        self.value: dict[str, Any] = {"id": _id("msg" if self._message else "rs"), "type": kind, "content": []}
        self.value |= {
            "status": "in_progress",
            **({"role": "assistant"} if self._message else {"summary": list[Any]()}),
        }
        self._item = {"output_index": output_index}
        self._part = {**self._item, "item_id": self.value["id"], "content_index": 0}

    def open(self) -> list[Event]:
        return [
            {"type": "response.output_item.added", **self._item, "item": dict(self.value)},
            {"type": "response.content_part.added", **self._part, "part": self._content()},
        ]

    def add(self, text: str, logprobs: list[Any]) -> list[Event]:
        self._logprobs += logprobs
        if not text:
            return []
        self._texts.append(text)
        return [{"type": f"{self._event}.delta", **self._part, "delta": text, **self._with(logprobs)}]

    def close(self, status: str) -> list[Event]:
        content = self._content()
        self.value |= {"status": status, "content": [content]}
        return [
            {"type": f"{self._event}.done", **self._part, "text": content["text"], **self._with(self._logprobs)},
            {"type": "response.content_part.done", **self._part, "part": content},
            {"type": "response.output_item.done", **self._item, "item": self.value},
        ]

    def _content(self) -> dict[str, Any]:
        text = "".join(self._texts)
        if not self._message:
            return {"type": "reasoning_text", "text": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(self._logprobs)}

    def _with(self, logprobs: list[Any]) -> dict[str, Any]:
        return {"logprobs": logprobs} if self._message else {}


class FunctionCall:
    def __init__(self, call_id: str, name: str, output_index: int) -> None:
        self.value: dict[str, Any] = {"id": _id("fc"), "type": "function_call", "call_id": call_id, "name": name}
        self.value |= {"arguments": "", "status": "in_progress"}
        self._item = {"output_index": output_index}
        self._place = {**self._item, "item_id": self.value["id"]}

    def open(self) -> list[Event]:
        return [{"type": "response.output_item.added", **self._item, "item": dict(self.value)}]

    def add(self, text: str, _: list[Any]) -> list[Event]:
        self.value["arguments"] += text
        return [{"type": "response.function_call_arguments.delta", **self._place, "delta": text}] if text else []

    def close(self, status: str) -> list[Event]:
        self.value["status"] = status
        done = {"name": self.value["name"], "arguments": self.value["arguments"]}
        return [
            {"type": "response.function_call_arguments.done", **self._place, **done},
            {"type": "response.output_item.done", **self._item, "item": self.value},
        ]


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"
