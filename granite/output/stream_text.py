"""Text that arrives in pieces: tags found in it, white space trimmed from it, control tokens removed."""

import re

from granite.output.message import MessageDelta
from granite.request.control_tokens import CONTROL_TOKENS


class Tags:
    """Separates a text's tags from the text between them. No tag may begin with another."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._tags = tags
        self._pattern = re.compile("(" + "|".join(map(re.escape, tags)) + ")")
        self._longest = max(map(len, tags))
        self._held = ""

    def split(self, text: str, *, end: bool = False) -> list[str]:
        """Texts and whole tags, in order. What could begin a tag is held back for the next piece.

        At the end it is dropped, unless it is one character: max_tokens or a stop text has cut the tag.
        """
        *parts, last = self._pattern.split(self._held + text)
        starts = range(max(0, len(last) - self._longest + 1), len(last))
        held = (start for start in starts if any(tag.startswith(last[start:]) for tag in self._tags))
        begin = next(held, len(last))
        self._held = last[begin:]
        if end and len(self._held) == 1:
            begin = len(last)
        return [part for part in (*parts, last[:begin]) if part]


class Trimmed:
    """A text without the white space at its ends; what may be the end is held back."""

    def __init__(self) -> None:
        self._begun = False
        self._held = ""

    def add(self, text: str) -> str:
        text = self._held + text if self._begun else text.lstrip()
        kept = text.rstrip()
        self._held = text[len(kept) :]
        self._begun = self._begun or bool(kept)
        return kept


class Scrubbed:
    """Removes from the content the control tokens that were kept in the text for a parser to read."""

    def __init__(self) -> None:
        self._tags = Tags(CONTROL_TOKENS)

    def read(self, text: str, *, end: bool = False) -> MessageDelta:
        parts = self._tags.split(text, end=end)
        return MessageDelta("".join(part for part in parts if part not in CONTROL_TOKENS))
