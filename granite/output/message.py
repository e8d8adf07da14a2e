"""The assistant's message, and how an answer's text becomes its parts while it is still being generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class MessageDelta:
    """What new text adds to the message.

    `tool_calls`: in the format of a chunk's delta, each with the `index` of the call that it continues.
    `lists`: citations and hallucinations, complete; they come at the end.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def chunk(self) -> dict[str, Any]:
        """A chunk's `delta`; empty if there is nothing new."""
        delta: dict[str, Any] = {}
        if self.content:
            delta["content"] = self.content
        if self.tool_calls:
            delta["tool_calls"] = list(self.tool_calls)
        return delta | _reasoning(self.reasoning) | self.lists


def message(deltas: Sequence[MessageDelta]) -> dict[str, Any]:
    """The whole message. `content` is None if there are only calls."""
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        for part in delta.tool_calls:
            if "id" in part:
                calls[part["index"]] = {"id": part["id"], "type": part["type"], "function": dict(part["function"])}
            else:
                calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    content = "".join(delta.content for delta in deltas)
    whole: dict[str, Any] = {"role": "assistant", "content": content if content.strip() or not calls else None}
    whole |= _reasoning("".join(delta.reasoning for delta in deltas))
    if calls:
        whole["tool_calls"] = list(calls.values())
    for delta in deltas:
        whole |= delta.lists
    return whole


def _reasoning(text: str) -> dict[str, str]:
    """By vLLM's name, and by the one that langchain-replicate reads."""
    return {"reasoning_content": text, "reasoning": text} if text else {}


class Parser(Protocol):
    """Gives the same message however the text is split: it holds back what more text could change."""

    def add(self, text: str) -> MessageDelta: ...

    def end(self) -> MessageDelta:
        """What was held back."""


class Verbatim:
    """All text is content."""

    def add(self, text: str) -> MessageDelta:
        return MessageDelta(text)

    def end(self) -> MessageDelta:
        return MessageDelta()
