"""Granite 3.3's thoughts: `<think>…</think><response>…</response>`, told apart as they are generated.

The tags are plain text to the tokenizer, so any of them can be split over tokens. An answer may lack them: one that is
cut by max_tokens lacks what follows, and the model sometimes forgets one. White space around thoughts and response is
not part of them.
"""

from __future__ import annotations

from enum import Enum, auto

from granite.output.parser import Piece
from granite.output.tags import Tags
from granite.output.trimmed import Trimmed

THINK, END_THINK, RESPONSE, END_RESPONSE = "<think>", "</think>", "<response>", "</response>"


class _State(Enum):
    BEFORE = auto()
    """Nothing but text so far, which is content."""
    THINKING = auto()
    BETWEEN = auto()
    """After the thoughts, before the response's own tag."""
    RESPONDING = auto()


EXPECTED = {
    _State.BEFORE: (THINK, RESPONSE),
    _State.THINKING: (END_THINK, RESPONSE),
    _State.BETWEEN: (RESPONSE,),
    _State.RESPONDING: (END_RESPONSE,),
}
"""The tags that mean something in each state; any other is text."""

NEXT = {
    THINK: _State.THINKING,
    END_THINK: _State.BETWEEN,
    RESPONSE: _State.RESPONDING,
}


class Thoughts:
    def __init__(self) -> None:
        self._tags = Tags((THINK, END_THINK, RESPONSE, END_RESPONSE))
        self._state = _State.BEFORE
        self._reasoning = Trimmed()
        self._content = Trimmed()

    def add(self, text: str) -> Piece:
        return self._piece(self._tags.split(text))

    def end(self) -> Piece:
        """A tag that was cut is no text."""
        rest = self._tags.rest()
        cut = len(rest) > 1 and any(tag.startswith(rest) for tag in EXPECTED[self._state])
        return self._piece([rest] if rest and not cut else [])

    def _piece(self, parts: list[str]) -> Piece:
        content, reasoning = "", ""
        for part in parts:
            if part == END_RESPONSE and self._state is _State.RESPONDING:
                # It ends the response only where nothing follows it: a response may talk of tags.
                content += self._content.hold(part)
            elif part in EXPECTED[self._state]:
                self._state = NEXT[part]
            elif self._state is _State.THINKING:
                reasoning += self._reasoning.add(part)
            else:
                if self._state is _State.BETWEEN and part.strip():
                    self._state = _State.RESPONDING
                content += self._content.add(part)
        return Piece(content, reasoning)
