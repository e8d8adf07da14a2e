"""JSON inside a text: what a caller or the model wrote where JSON was to stand."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str) -> Any:
    """The value. Raises ValueError for every text that is none, or whose value no JSON of ours could hold.

    json.loads takes NaN, and half a surrogate pair, which is no character; a text nested a thousand deep raises
    RecursionError there.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
