"""How an answer's text becomes the parts of a message, while it is still being generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Piece:
    """What one more bit of text added to the message; the pieces of an answer make up the whole.

    `tool_calls`: in the form of a chunk's delta, each with the `index` of the call that it goes on with.
    `lists`: citations and hallucinations, which are known at the end.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __add__(self, more: Piece) -> Piece:
        return Piece(
            self.content + more.content,
            self.reasoning + more.reasoning,
            self.tool_calls + more.tool_calls,
            self.lists | more.lists,
        )


class Parser(Protocol):
    """Right for any split of the text: what is not yet clear is held back until more text makes it so."""

    def add(self, text: str) -> Piece: ...

    def end(self) -> Piece:
        """What was held back."""


class Verbatim:
    """All text is content."""

    def add(self, text: str) -> Piece:
        return Piece(text)

    def end(self) -> Piece:
        return Piece()
