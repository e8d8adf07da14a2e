"""Granite 3.3's reasoning: `<think>…</think><response>…</response>`, separated while it is generated.

The tags are plain text to the tokenizer, so any of them can be split over tokens. An answer may lack some: max_tokens can
cut it, and the model sometimes forgets one. White space around reasoning and response belongs to neither.
"""

from granite.output.message import MessageDelta
from granite.output.stream_text import Tags, Trimmed

THINK, END_THINK, RESPONSE, END_RESPONSE = "<think>", "</think>", "<response>", "</response>"

EXPECTED = {
    "": (THINK, RESPONSE),
    THINK: (END_THINK, RESPONSE),
    END_THINK: (RESPONSE, END_RESPONSE),
    RESPONSE: (END_RESPONSE,),
    END_RESPONSE: (),
}
"""The tags that have a meaning after the last one that had; any other is text."""


class Thinking:
    def __init__(self) -> None:
        self._tags = Tags((THINK, END_THINK, RESPONSE, END_RESPONSE))
        self._last = ""
        self._reasoning = Trimmed()
        self._content = Trimmed()

    def read(self, text: str, *, end: bool = False) -> MessageDelta:
        content, reasoning = "", ""
        for part in self._tags.split(text, end=end):
            if part in EXPECTED[self._last]:
                self._last = part
            elif self._last == THINK:
                reasoning += self._reasoning.add(part)
            else:
                content += self._content.add(part)
        return MessageDelta(content, reasoning)
