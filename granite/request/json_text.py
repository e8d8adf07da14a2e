"""JSON inside a text that a caller or the model wrote."""

import json
from typing import Any


def loads(text: str) -> Any:
    """Raises ValueError, also for NaN, for half a surrogate pair and for deep nesting, which json.loads handles differently."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
