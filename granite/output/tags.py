"""Tags in a text that arrives in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Tags:
    """Tells a text's tags from what stands between them; no tag may begin another."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._tags = tuple(tags)
        self._pattern = re.compile("(" + "|".join(map(re.escape, self._tags)) + ")")
        self._held = ""

    def split(self, text: str) -> list[str]:
        """Texts and whole tags, in their order. An end that could begin a tag is held back for the next piece."""
        parts = self._pattern.split(self._held + text)
        last = parts[-1]
        self._held = max(
            (last[-length:] for length in range(1, len(last) + 1) if self._begins(last[-length:])), key=len, default=""
        )
        parts[-1] = last.removesuffix(self._held) if self._held else last
        return [part for part in parts if part]

    def rest(self) -> str:
        """What is held back when the text has ended."""
        held, self._held = self._held, ""
        return held

    def _begins(self, text: str) -> bool:
        return any(tag.startswith(text) for tag in self._tags)
