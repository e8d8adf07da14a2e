"""Text that arrives in pieces: tags found in it, white space trimmed from it, control tokens removed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from granite.output.message import MessageDelta, Parser
from granite.request.control_tokens import CONTROL_TOKENS


class Tags:
    """Separates a text's tags from the text between them. No tag may begin with another."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._tags = tuple(tags)
        self._pattern = re.compile("(" + "|".join(map(re.escape, self._tags)) + ")")
        self._longest = max(map(len, self._tags))
        self._held = ""

    def split(self, text: str) -> list[str]:
        """Texts and whole tags, in order. An end that could begin a tag is held back for the next piece."""
        parts = self._pattern.split(self._held + text)
        last = parts[-1]
        starts = range(max(0, len(last) - self._longest + 1), len(last))
        self._held = next((last[start:] for start in starts if self._begins_tag(last[start:])), "")
        parts[-1] = last[: len(last) - len(self._held)]
        return [part for part in parts if part]

    def rest(self) -> str:
        """What is held back, once the text has ended."""
        held, self._held = self._held, ""
        return held

    def _begins_tag(self, text: str) -> bool:
        return any(tag.startswith(text) for tag in self._tags)


class Trimmed:
    """A text without the white space at its ends; what may be the end is held back."""

    def __init__(self, *, begun: bool = False) -> None:
        """`begun`: whether text came before, so that leading white space is kept."""
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
        """Hold back a closing tag; return the one held before, which closed nothing."""
        given = self._held if self._held.strip() else ""
        self._held = self._held.removeprefix(given) + tag
        return given


class Scrubbed:
    """Removes from the content the control tokens that were kept in the text for a parser to read."""

    def __init__(self, inner: Parser) -> None:
        self._inner = inner
        self._tags = Tags(CONTROL_TOKENS)

    def add(self, text: str) -> MessageDelta:
        return self._scrub(self._inner.add(text))

    def end(self) -> MessageDelta:
        delta = self._scrub(self._inner.end())
        return replace(delta, content=delta.content + without_cut_token(self._tags.rest()))

    def _scrub(self, delta: MessageDelta) -> MessageDelta:
        parts = self._tags.split(delta.content)
        return replace(delta, content="".join(part for part in parts if part not in CONTROL_TOKENS))


def without_cut_token(rest: str) -> str:
    """The end of a text without the beginning of a control token: a stop text can cut one."""
    return "" if rest.startswith("<|") else rest
