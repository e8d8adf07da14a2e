"""What Cog drops without a word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Dropped:
    """Something the author wrote that is not, or not as written, in Cog's schema.

    line: where it stands, counted from 1. what: one sentence that names the input, what was written, and what Cog makes
    of it. file: the file it stands in, relative to the project's folder; "" for the predictor's own.
    """

    line: int
    what: str
    file: str = ""


@dataclass(frozen=True)
class Lost:
    """A keyword of an Input() that is lost, before it is known which input it belongs to."""

    keyword: str
    line: int
    what: str


def quoted(text: str) -> str:
    """The source text on one line, at most sixty characters of it."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
