"""The answer of the Responses API: its events, made of a chat's chunks, and its object, which the last event carries.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

import itertools
import time
import uuid
from typing import Any

from granite.output.answer import Delta
from granite.output.chat_completion import ChatCompletion

REPEATED = ("instructions", "max_output_tokens", "metadata", "temperature", "text", "top_p")
"""Fields of the request that the response repeats."""

EVENTS = {"message": "output_text", "reasoning": "reasoning_text", "function_call": "function_call_arguments"}
"""The types of items, and the events in which they grow."""


class ResponseOutput:
    def __init__(self, body: dict[str, Any], chat: ChatCompletion, model: str, request_id: str) -> None:
        """`chat`: the output to make the events of; it has one choice."""
        self._chat = chat
        self._events: list[dict[str, Any]] = []
        """Those to send next."""
        self._sequence = itertools.count()
        self._items: list[dict[str, Any]] = []
        self._place: dict[str, Any] = {}
        """Where the last item grows, and its text."""
        self._text = ""
        self._content = ""
        """In no event yet: white space begins a message only if text follows."""
        self._response = {
            "id": f"resp_{request_id}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [],
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "store": False,
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": [{"parameters": None, "strict": None, **tool} for tool in body.get("tools", [])],
            **{name: body.get(name) for name in REPEATED},
        }
        for name in ("created", "in_progress"):
            self._emit(name, response=dict(self._response))

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        """The events to send now."""
        return self._read(self._chat.add(index, delta))

    def end(self, index: int) -> list[dict[str, Any]]:
        """The last events."""
        *chunks, last = self._chat.end(index)
        events = self._read([*chunks, last])
        if not self._items:
            self._open("message", role="assistant", content=[])
            self._grow(self._content)
        cut = last["choices"][0]["finish_reason"] == "length"
        status = "incomplete" if cut else "completed"
        self._close(status)
        usage = self._chat.usage_chunk()["usage"]
        self._response |= {
            "status": status,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "output": self._items,
            "usage": {
                "input_tokens": usage["prompt_tokens"],
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": usage["completion_tokens"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage["total_tokens"],
            },
        }
        self._emit(status, response=self._response)
        return events + self._events

    def whole(self) -> dict[str, Any]:
        return self._response

    def _read(self, chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for delta in (chunk["choices"][0]["delta"] for chunk in chunks):
            if "reasoning" in delta:
                self._open("reasoning", summary=[], content=[])
                self._grow(delta["reasoning"])
            self._content += delta.get("content", "")
            lists = {name: delta[name] for name in ("citations", "hallucinations") if name in delta}
            if lists or self._content.strip() or (self._content and self._kind == "message"):
                self._open("message", role="assistant", content=[])
                self._grow(self._content)
                self._content = ""
                self._items[-1] |= lists
            for call in delta.get("tool_calls", ()):
                if "id" in call:
                    self._open("function_call", call_id=call["id"], name=call["function"]["name"], arguments="")
                self._grow(call["function"]["arguments"])
        events, self._events = self._events, []
        return events

    @property
    def _kind(self) -> str:
        """Of the last item."""
        return str(self._items[-1]["type"]) if self._items else ""

    def _open(self, kind: str, **fields: Any) -> None:
        """Begin an item, unless the last one continues."""
        if kind == self._kind != "function_call":
            return
        if self._items:
            self._close("completed")
        item = {"id": f"{kind}_{uuid.uuid4().hex}", "type": kind, "status": "in_progress", **fields}
        self._items.append(item)
        self._text = ""
        self._place = {"output_index": len(self._items) - 1, "item_id": item["id"]}
        self._emit("output_item.added", output_index=len(self._items) - 1, item=dict(item))
        if kind != "function_call":
            self._place["content_index"] = 0
            self._emit("content_part.added", **self._place, part=self._part())

    def _grow(self, text: str) -> None:
        self._text += text
        if text:
            self._emit(f"{EVENTS[self._kind]}.delta", **self._place, delta=text, **self._logprobs)

    def _close(self, status: str) -> None:
        item, done = self._items[-1], f"{EVENTS[self._kind]}.done"
        item["status"] = status
        if self._kind == "function_call":
            item["arguments"] = self._text
            self._emit(done, **self._place, arguments=self._text)
        else:
            item["content"] = [self._part()]
            self._emit(done, **self._place, text=self._text, **self._logprobs)
            self._emit("content_part.done", **self._place, part=self._part())
        self._emit("output_item.done", output_index=len(self._items) - 1, item=item)

    def _part(self) -> dict[str, Any]:
        """The last item's text."""
        part = {"type": EVENTS[self._kind], "text": self._text, **self._logprobs}
        return {**part, "annotations": []} if self._kind == "message" else part

    @property
    def _logprobs(self) -> dict[str, Any]:
        """A message has the field, but never any."""
        return {"logprobs": []} if self._kind == "message" else {}

    def _emit(self, name: str, **fields: Any) -> None:
        self._events.append({"type": f"response.{name}", "sequence_number": next(self._sequence), **fields})
