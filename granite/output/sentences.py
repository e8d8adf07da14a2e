"""Where the sentences of an English text begin and end."""

from __future__ import annotations

import re

ABBREVIATION = re.compile(
    r"al|approx|art|ave|c|cf|ch|co|corp|dept|dr|eds?|e\.g|eq|est|etc|figs?|gen|gov|i\.e|inc|jr|ltd|max|min|mrs?|ms|nos?"
    r"|op|pp?|prof|rep|rev|sec|sen|sr|st|u\.k|u\.s|u\.s\.a|v|vol|vs|[ap]\.m"
)
"""Words whose full stop ends no sentence."""

_END = re.compile(r"""(?<![.!?])(?P<mark>[.!?]++)["')\]}”’*_]*+(?=\s|\Z)""")


def spans(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence, without the white space between them."""
    found = []
    begin = 0
    for end in [match.end() for match in _END.finditer(text) if _ends_sentence(text, match)] + [len(text.rstrip())]:
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        if begin < end:
            found.append((begin, end))
        begin = end
    return found


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if match["mark"] != ".":
        return "!" in match["mark"] or "?" in match["mark"]
    # Far more than an abbreviation takes.
    before = text[max(0, match.start() - 20) : match.start()]
    word = re.split(r"\s", before)[-1].lstrip("([\"'“‘*_")
    is_initial = len(word) == 1 and word.isupper()
    return not is_initial and not ABBREVIATION.fullmatch(word.lower())
