"""Granite 3.3's reasoning: `<think>…</think><response>…</response>`, separated while it is generated.

The tags are plain text to the tokenizer, so any of them can be split over tokens. An answer may lack some: max_tokens can
cut it, and the model sometimes forgets one. White space around reasoning and response belongs to neither.
"""

from __future__ import annotations

from enum import Enum, auto

from granite.output.message import MessageDelta
from granite.output.stream_text import Tags, Trimmed

THINK, END_THINK, RESPONSE, END_RESPONSE = "<think>", "</think>", "<response>", "</response>"


class _State(Enum):
    BEFORE = auto()
    """No tag so far: text is content."""
    THINKING = auto()
    BETWEEN = auto()
    """After the reasoning, before the response's tag."""
    RESPONDING = auto()


EXPECTED = {
    _State.BEFORE: (THINK, RESPONSE),
    _State.THINKING: (END_THINK, RESPONSE),
    _State.BETWEEN: (RESPONSE,),
    _State.RESPONDING: (END_RESPONSE,),
}
"""The tags that have a meaning in each state; any other is text."""

NEXT = {THINK: _State.THINKING, END_THINK: _State.BETWEEN, RESPONSE: _State.RESPONDING}


class Thinking:
    def __init__(self) -> None:
        self._tags = Tags((THINK, END_THINK, RESPONSE, END_RESPONSE))
        self._state = _State.BEFORE
        self._reasoning = Trimmed()
        self._content = Trimmed()

    def add(self, text: str) -> MessageDelta:
        return self._delta(self._tags.split(text))

    def end(self) -> MessageDelta:
        """Drop a tag that was cut."""
        rest = self._tags.rest()
        cut = len(rest) > 1 and any(tag.startswith(rest) for tag in EXPECTED[self._state])
        return self._delta([rest] if rest and not cut else [])

    def _delta(self, parts: list[str]) -> MessageDelta:
        content, reasoning = "", ""
        for part in parts:
            if part == END_RESPONSE and self._state is _State.RESPONDING:
                # It ends the response only if nothing follows it: a response may mention tags.
                content += self._content.hold(part)
            elif part in EXPECTED[self._state]:
                self._state = NEXT[part]
            elif self._state is _State.THINKING:
                reasoning += self._reasoning.add(part)
            else:
                if self._state is _State.BETWEEN and part.strip():
                    self._state = _State.RESPONDING
                content += self._content.add(part)
        return MessageDelta(content, reasoning)
