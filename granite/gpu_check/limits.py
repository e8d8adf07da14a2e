"""The engine's limits for one request: the largest size is answered, one more is refused, at both APIs.

The server names each limit in its sentence, so none is repeated here. A size that passed the check and that the engine
does not take would end it.
"""

import re
from collections.abc import Callable
from typing import Any

from granite.gpu_check.calls import Calls
from granite.gpu_check.checks import Failure, Figures

FIELDS: dict[str, tuple[Callable[[int], dict[str, Any]], int]] = {
    "allowed_token_ids": (lambda size: {"allowed_token_ids": [*range(100, 100 + size)]}, 3000),
    "logit_bias": (lambda size: {"logit_bias": {str(token): 1 for token in range(100, 100 + size)}}, 3000),
    "stop_token_ids": (lambda size: {"stop_token_ids": [*range(100, 100 + size)]}, 3000),
    "bad_words": (lambda size: {"bad_words": ["basalt " * 20] * size}, 60),
}
"""Each field with a value of any size, and a size that is too large, as two thirds of it are."""

SENTENCE = re.compile(r"has (\d+) \w+, but the engine takes (\d+)")

SMALL = {"prompt": "Say hello.", "temperature": 0, "max_tokens": 1, "min_tokens": 1}


def limit(calls: Calls, field: str) -> Figures:
    value, beyond = FIELDS[field]

    def cog(size: int) -> str | None:
        return calls.refusal(**SMALL, sampling_params=value(size))

    def openai(size: int) -> str | None:
        return calls.openai_refusal("completions", **SMALL, **value(size))

    # The engine counts more than the list's items: each token of a word, and the end of text.
    (high, most), (low, _) = (_counted(cog(size), field, size) for size in (beyond, beyond * 2 // 3))
    each = (high - low) // (beyond - beyond * 2 // 3)
    largest = (most - (high - beyond * each)) // each
    figures: Figures = {"most": most, "largest_list": largest}
    for name, send in (("Cog", cog), ("OpenAI", openai)):
        if sentence := send(largest):
            raise Failure(f"The {name} API refused {largest} items, which fit: {sentence}", figures)
        figures["sentence"] = send(largest + 1)
        _counted(figures["sentence"], field, largest + 1)
        calls.text(**SMALL)
    return figures


def _counted(sentence: str | None, field: str, size: int) -> tuple[int, int]:
    """How many tokens a refused list counted, and the limit."""
    match = SENTENCE.search(sentence or "")
    if match is None:
        raise Failure(f"`{field}` with {size} items was not refused by its limit: {sentence or 'it was answered.'}")
    return int(match[1]), int(match[2])
