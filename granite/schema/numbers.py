"""Numbers as Go reads and writes them, since Cog's parser is written in Go."""

from __future__ import annotations

import math
import re
from typing import Any

_INFINITE = re.compile(r"([+-]?inf(inity)?|nan)", re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?([0-9][0-9_]*)?\.?([0-9][0-9_]*)?([eE][+-]?[0-9_]+)?")
_LARGEST = 2**63 - 1


def go_int(text: str) -> int | None:
    """strconv.ParseInt(text, 0, 64): None beyond 64 bits, and for anything with a space in it."""
    try:
        value = int(text, 0)
    except ValueError:
        return None
    return value if text == text.strip() and -_LARGEST - 1 <= value <= _LARGEST else None


def go_float(text: str) -> float | None:
    """strconv.ParseFloat(text, 64): None beyond a double, and for hexadecimal, octal and binary integers.

    The names inf and nan are numbers to it: `ge=inf` reads as infinity, whatever the name means in the file.
    """
    if _INFINITE.fullmatch(text):
        return float(text)
    if not _DECIMAL.fullmatch(text):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isinf(value) else value


def go_uint(value: float) -> int:
    """uint64(value) as Go compiles it for a PC: the fraction is cut off, and a negative number wraps round."""
    fits = -(2**63) <= value < 2**64
    return int(value) % 2**64 if fits else 2**63


def go_json(value: float) -> str:
    """A float64 as encoding/json writes it: 1 for 1.0, 1e-7 and 1e+21 outside the usual range."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e21:
        return _positional(value)
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"


def go_text(value: Any) -> str:
    """A dict's key as Go's %v prints it, for keys that are not text."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _percent_v(value)
    if isinstance(value, list):
        return f"[{' '.join(go_text(item) if not isinstance(item, str) else item for item in value)}]"
    return str(value)


def _percent_v(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0 or 1e-4 <= abs(value) < 1e21:
        return go_json(value)
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{exponent}"


def _positional(value: float) -> str:
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    fraction = "" if fraction == "0" else fraction
    power = int(exponent)
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"
    return f"{sign}{whole}{fraction.ljust(power, '0')}"
