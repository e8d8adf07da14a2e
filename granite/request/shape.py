"""Shapes of nested inputs: pydantic models, whose first error becomes one sentence that names the path."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from granite.errors import InvalidInput, quote

Checked = TypeVar("Checked")

SENTENCES = {
    "extra_forbidden": "`{parent}` has an unknown field {name}; remove it.",
    "missing": "`{where}` is missing.",
    "string_too_short": "`{where}` must not be empty.",
    "literal_error": "`{where}` must be {expected}, got {got}.",
    "value_error": "`{where}` {error}",
    "float_type": "{where} must be a number, got {got}.",
    "int_type": "{where} must be a whole number, got {got}.",
    "string_type": "`{where}` must be a text, got {got}.",
    "bool_type": "`{where}` must be true or false, got {got}.",
    "list_type": "`{where}` must be a list, got {got}.",
    "dict_type": "`{where}` must be an object, got {got}.",
    "model_type": "`{where}` must be an object, got {got}.",
    "greater_than_equal": "{where} must be at least {ge}, got {got}.",
    "less_than_equal": "{where} must be at most {le}, got {got}.",
}
"""Pydantic's types of errors in our words."""

Text = Annotated[str, Field(min_length=1)]


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


def _sentence(path: tuple[str | int, ...], error: ErrorDetails) -> str:
    *parent, last = (*path, *error["loc"])
    context = {"got": quote(error["input"]), "name": code(last), **error.get("ctx", {})}
    context["expected"] = context.get("expected", "").replace("'", "")
    sentence = SENTENCES.get(error["type"], "`{where}` is not valid: {message}.")
    return sentence.format(where=_joined(*parent, last), parent=_joined(*parent), message=error["msg"], **context)


def _joined(*path: str | int) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
