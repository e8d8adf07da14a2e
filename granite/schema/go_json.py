"""JSON as Go's encoding/json writes it: compact, with <, > and & escaped, since Cog's files hold exactly that."""

from __future__ import annotations

import json
import math
from typing import Any

from granite.schema.error import SchemaError
from granite.schema.numbers import go_json

_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def dumps(value: Any) -> str:
    """The value as one line of JSON, its keys as they stand."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{dumps(key)}:{dumps(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(dumps(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)
    return go_json(value) if isinstance(value, float) else json.dumps(value)


def whole(value: float) -> float | int:
    """1 for 1.0, as Go writes it, as long as every whole number is exact. Raises SchemaError for NaN and infinity."""
    if not math.isfinite(value):
        name = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
        raise SchemaError(f"json: unsupported value: {name}")
    negative_zero = value == 0 and math.copysign(1, value) < 0
    return int(value) if value.is_integer() and abs(value) < 2**53 and not negative_zero else value
