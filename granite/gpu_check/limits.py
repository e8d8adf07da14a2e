"""The engine's limits for one request: the largest list is answered, one more item is refused, at both APIs.

Where a limit is, the server's refusals say: so none is repeated here. A list that passed the check and that the engine
does not take would end it.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from granite.gpu_check.calls import Calls
from granite.gpu_check.checks import Failure, Figures

FIELDS: dict[str, tuple[Callable[[int], Any], int]] = {
    "allowed_token_ids": (lambda size: [*range(100, 100 + size)], 3000),
    "logit_bias": (lambda size: {str(token): 1 for token in range(100, 100 + size)}, 3000),
    "stop_token_ids": (lambda size: [*range(100, 100 + size)], 3000),
    "bad_words": (lambda size: [f"basalt {number} " * 20 for number in range(size)], 60),
}
"""Each field with a value of any size, and a size that is too large."""

SMALL = {"prompt": "Say hello.", "temperature": 0, "max_tokens": 1, "min_tokens": 1}


def limit(calls: Calls, field: str) -> Figures:
    value, beyond = FIELDS[field]

    def cog(size: int) -> str | None:
        return calls.refusal(**SMALL, sampling_params={field: value(size)})

    def openai(size: int) -> str | None:
        return calls.openai_refusal("completions", **SMALL, **{field: value(size)})

    figures: Figures = {}
    for name, send in (("cog", cog), ("openai", openai)):
        sentence = figures["sentence"] = send(beyond)
        if f"`{field}`" not in (sentence or ""):
            raise Failure(f"`{field}` with {beyond} items is not refused: {sentence or 'it was answered.'}", figures)
        # Finds the first that is refused, by requests on both sides of the limit.
        figures[name] = bisect_left(range(1, beyond), True, key=lambda size: send(size) is not None)
        calls.text(**SMALL)
    if figures["cog"] != figures["openai"]:
        raise Failure("The two APIs have different limits.", figures)
    return figures
