"""Shapes of nested inputs: pydantic models, whose first error becomes one sentence that names the path."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from granite.errors import InvalidInput, quote

Checked = TypeVar("Checked")

KINDS = {
    "string_type": "must be a text",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
}
"""Pydantic's kinds of errors in our words."""


class Shape(BaseModel):
    """An object that a caller sends."""

    model_config = ConfigDict(strict=True)


def check(wanted: TypeAdapter[Checked], value: Any, *path: str | int) -> Checked:
    """Return `value` in its shape; raise InvalidInput for its first error. `path` leads to the value."""
    try:
        return wanted.validate_python(value)
    except ValidationError as error:
        raise InvalidInput(_sentence(path, error.errors(include_url=False)[0])) from None


def code(name: Any) -> str:
    """Quote a name of the caller's; a text too long for a name by its length."""
    return f"`{name}`" if quote(name) == name else quote(name)


def _sentence(path: tuple[str | int, ...], error: Any) -> str:
    whole: tuple[str | int, ...] = (*path, *error["loc"])
    *parent, last = whole
    where, kind, got = f"`{_joined(*parent, last)}`", error["type"], quote(error["input"])
    if kind == "extra_forbidden":
        return f"`{_joined(*parent)}` has an unknown field {code(last)}; remove it."
    if kind == "missing":
        return f"{where} is missing."
    if kind == "string_too_short":
        return f"{where} must not be empty."
    if kind == "literal_error":
        return f"{where} must be {error['ctx']['expected'].replace(chr(39), '')}, got {got}."
    if kind == "value_error":
        return f"{where} {error['ctx']['error']}"
    if kind in ("float_type", "int_type"):
        where = where.strip("`")
    return f"{where} {KINDS[kind]}, got {got}." if kind in KINDS else f"{where} is not valid: {error['msg']}."


def _joined(first: str | int, *others: str | int) -> str:
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in others)
