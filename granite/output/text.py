"""The answer to a prompt: its text, as it is generated."""

from __future__ import annotations

from collections.abc import Iterator

from granite.output.answer import Delta


class Text:
    def add(self, delta: Delta) -> Iterator[str]:
        if delta.text:
            yield delta.text

    def end(self) -> Iterator[str]:
        yield from ()
