"""Where the sentences of an English text end, by NLTK without its download."""

from __future__ import annotations

import functools
from typing import Any

ABBREVIATIONS = (
    *(
        "al",
        "approx",
        "art",
        "ave",
        "c",
        "cf",
        "ch",
        "co",
        "corp",
        "dept",
        "dr",
        "ed",
        "eds",
        "e.g",
        "eq",
        "est",
        "etc",
    ),
    *("fig", "figs", "gen", "gov", "i.e", "inc", "jr", "ltd", "max", "min", "mr", "mrs", "ms", "no", "nos", "op", "p"),
    *("pp", "prof", "rep", "rev", "sec", "sen", "sr", "st", "u.k", "u.s", "u.s.a", "v", "vol", "vs", "a.m", "p.m"),
)
"""English words whose full stop ends no sentence. NLTK's own list is a download."""


def install() -> None:
    """Make granite-common tell sentences apart as this module does: by itself it asks NLTK for the download."""
    import nltk

    nltk.sent_tokenize = _tokenizer().tokenize


def last_before(text: str, position: int) -> tuple[int, int]:
    """Where the last sentence that begins before `position` begins and ends; (0, 0) where none does."""
    return max((span for span in _tokenizer().span_tokenize(text) if span[0] < position), default=(0, 0))


@functools.cache
def _tokenizer() -> Any:
    # Here, because it takes a second, and most servers never cite.
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters)
