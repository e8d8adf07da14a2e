"""The answer of the Responses API: its events, made of a chat's chunks, and its object, which the last event carries.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from granite.openai_api import fields
from granite.openai_api.response_item import FunctionCall, Item, Text
from granite.output.answer import Delta

if TYPE_CHECKING:
    from granite.openai_api.calls import Output

REPEATED = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "top_p": 1.0,
}
"""Fields of the request that the response repeats, and what stands for one that is not set."""


class ResponseOutput:
    """An Output over a chat's, with one choice."""

    def __init__(self, body: dict[str, Any], chat: Output, model: str, request_id: str) -> None:
        """`body`: as it was sent; the response repeats some of its fields."""
        self._chat = chat
        self._items: list[Item] = []
        self._space, self._space_logprobs = "", list[Any]()
        self._events = 0
        self._response: dict[str, Any] = {
            "id": f"resp_{request_id}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [],
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "store": False,
            "tools": [{"parameters": None, "strict": None, **tool} for tool in body.get("tools") or []],
            **{name: body[name] if fields.is_set(body.get(name)) else unset for name, unset in REPEATED.items()},
        }

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        return self._numbered([*self._begun(), *self._read(self._chat.add(index, delta))])

    def end(self, index: int) -> list[dict[str, Any]]:
        chunks = self._chat.end(index)
        events = [*self._begun(), *self._read(chunks)]
        if not self._items:
            events += self._text("message", self._space, self._space_logprobs)
        cut = any(choice["finish_reason"] == "length" for chunk in chunks for choice in chunk["choices"])
        status = "incomplete" if cut else "completed"
        events += self._items[-1].close(status)
        usage = self._chat.usage_chunk()["usage"]
        self._response |= {
            "status": status,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "output": [item.value for item in self._items],
            "usage": {
                "input_tokens": usage["prompt_tokens"],
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": usage["completion_tokens"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage["total_tokens"],
            },
        }
        events.append({"type": f"response.{status}", "response": self._response})
        return self._numbered(events)

    def usage_chunk(self) -> dict[str, Any]:
        """None of its own: the last event has the usage."""
        return {}

    def whole(self) -> dict[str, Any]:
        return self._response

    def _begun(self) -> list[dict[str, Any]]:
        if self._events:
            return []
        return [{"type": f"response.{name}", "response": dict(self._response)} for name in ("created", "in_progress")]

    def _numbered(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for event in events:
            event["sequence_number"] = self._events
            self._events += 1
        return events

    def _read(self, chunks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        for choice in (choice for chunk in chunks for choice in chunk["choices"]):
            delta, logprobs = choice["delta"], (choice.get("logprobs") or {}).get("content") or []
            if delta.get("reasoning"):
                events += self._text("reasoning", delta["reasoning"], [])
            if delta.get("content"):
                events += self._content(delta["content"], logprobs)
            elif self._last == "message":  # the end-of-text token has no text
                self._items[-1].add("", logprobs)
            for call in delta.get("tool_calls") or ():
                events += self._call(call)
            for name in ("citations", "hallucinations"):
                if name in delta:
                    events += self._text("message", "", [])
                    self._items[-1].value[name] = delta[name]
        return events

    def _content(self, text: str, logprobs: list[Any]) -> list[dict[str, Any]]:
        """Hold back white space that begins a message: only a call may follow it."""
        self._space, self._space_logprobs = self._space + text, [*self._space_logprobs, *logprobs]
        if self._last != "message" and not self._space.strip():
            return []
        text, logprobs, self._space, self._space_logprobs = self._space, self._space_logprobs, "", []
        return self._text("message", text, logprobs)

    def _text(self, kind: str, text: str, logprobs: list[Any]) -> list[dict[str, Any]]:
        events = [] if self._last == kind else self._open(Text(kind, len(self._items)))
        return [*events, *self._items[-1].add(text, logprobs)]

    @property
    def _last(self) -> str | None:
        """The type of the item that is open."""
        return self._items[-1].value["type"] if self._items else None

    def _call(self, call: dict[str, Any]) -> list[dict[str, Any]]:
        events = []
        if "id" in call:
            events += self._open(FunctionCall(call["id"], call["function"]["name"], len(self._items)))
        return [*events, *self._items[-1].add(call["function"].get("arguments") or "", [])]

    def _open(self, item: Item) -> list[dict[str, Any]]:
        events = self._items[-1].close("completed") if self._items else []
        self._items.append(item)
        return [*events, *item.open()]
