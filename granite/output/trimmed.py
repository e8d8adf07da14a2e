"""A text without the white space at its ends, while it is still arriving."""

from __future__ import annotations


class Trimmed:
    """Gives out what is certainly inside; what may be the end is held back."""

    def __init__(self, *, begun: bool = False) -> None:
        """`begun`: whether something stands before the text, so that white space at its beginning is inside."""
        self._begun = begun
        self._held = ""

    def add(self, text: str) -> str:
        if not self._begun and not self._held:
            text = text.lstrip()
        kept = text.rstrip()
        if not kept:
            self._held += text
            return ""
        self._begun = True
        given, self._held = self._held + kept, text[len(kept) :]
        return given

    def hold(self, tag: str) -> str:
        """Hold a closing tag back; one that was held before was none."""
        given = self._held if self._held.strip() else ""
        self._held = self._held.removeprefix(given) + tag
        return given
