"""The assistant's message, and how an answer's text becomes its parts while it is still being generated."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
        delta = {
            "content": self.content,
            # By vLLM's name, and by the one that langchain-replicate reads.
            "reasoning_content": self.reasoning,
            "reasoning": self.reasoning,
            "tool_calls": list(self.tool_calls),
            **self.lists,
        }
        return {name: value for name, value in delta.items() if value}


class Parser(Protocol):
    def read(self, text: str, *, end: bool = False) -> MessageDelta:
        """Give the same message however the text is split: hold back what more text could change, until the end."""


def read(parsers: Sequence[Parser], text: str, *, end: bool = False) -> MessageDelta:
    """What new text adds to the message. Each parser reads the content that the one before it leaves."""
    delta = MessageDelta(text)
    for parser in parsers:
        new = parser.read(delta.content, end=end)
        delta = replace(new, tool_calls=delta.tool_calls + new.tool_calls)
    return delta


def message(deltas: Sequence[MessageDelta]) -> dict[str, Any]:
    """The whole message. `content` is None if there are only calls."""
    calls: list[dict[str, Any]] = []
    for part in (part for delta in deltas for part in delta.tool_calls):
        if "id" in part:
            calls.append({"id": part["id"], "type": part["type"], "function": dict(part["function"])})
        else:
            calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    content = "".join(delta.content for delta in deltas)
    reasoning = "".join(delta.reasoning for delta in deltas)
    lists = {name: entries for delta in deltas for name, entries in delta.lists.items()}
    whole = MessageDelta(content, reasoning, tuple(calls), lists).chunk()
    return {"role": "assistant", **whole, "content": content if content.strip() or not calls else None}
