"""Where the sentences of an English text begin and end."""

import re

ABBREVIATION = re.compile(
    r"al|approx|art|ave|c|cf|ch|co|corp|dept|dr|eds?|e\.g|eq|est|etc|figs?|gen|gov|i\.e|inc|jr|ltd|max|min|mrs?|ms|nos?"
    r"|op|pp?|prof|rep|rev|sec|sen|sr|st|u\.k|u\.s|u\.s\.a|v|vol|vs|[ap]\.m"
)
"""Words whose full stop ends no sentence."""


def spans(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence, without the white space between them."""
    found: list[tuple[int, int]] = []
    begin = end = 0
    for word in re.finditer(r"\S+", text):
        begin = word.start() if begin == end else begin
        end = word.end()
        if _ends_sentence(word[0]):
            found.append((begin, end))
            begin = end
    return found if begin == end else [*found, (begin, end)]


def _ends_sentence(word: str) -> bool:
    word = word.rstrip("\"')]}”’*_").lstrip("([\"'“‘*_")
    stem = word.rstrip(".!?")
    mark = word[len(stem) :]
    is_initial = len(stem) == 1 and stem.isupper()
    return "!" in mark or "?" in mark or (mark == "." and not is_initial and not ABBREVIATION.fullmatch(stem.lower()))
