"""The inputs of one request, as a person typed them, checked against the schema before a server is started.

Cog drops an unknown name without a word and answers a wrong value with a 422 in its own wording; a person waits for the
model before either. Standard library only.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class InputError(Exception):
    """A sentence for the person who typed it."""


def read(pairs: Iterable[str], document: str | None, properties: Mapping[str, Schema]) -> dict[str, Any]:
    """The request's `input`. `pairs`: `name=value`, a name repeated for a list, `@file` for a file's text.

    `document`: all inputs as one JSON object, `@file` or `@-` (stdin); pairs are laid over it. `properties`: those of the
    schema's Input. Raises InputError.
    """
    inputs = _document(document) if document is not None else {}
    typed: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"-i {pair} has no value: write -i {name}=VALUE.")
        typed.setdefault(name, []).append(_text(value))
    for name in [*inputs, *typed]:
        _refuse_unknown(name, properties)
    inputs |= {name: _value(values, properties[name]) for name, values in typed.items()}
    for name, value in inputs.items():
        _check(name, value, properties[name])
    return inputs


def _document(document: str) -> dict[str, Any]:
    source = document if document.startswith("@") else "--json"
    try:
        parsed = json.loads(_text(document))
    except ValueError as error:
        raise InputError(f"{source} is not JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise InputError(f'{source} is not a JSON object such as {{"prompt": "Hello"}}.')
    return parsed


def _text(value: str) -> str:
    """A value, or what the file holds that `@file` names."""
    if not value.startswith("@"):
        return value
    try:
        return sys.stdin.read() if value == "@-" else Path(value[1:]).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{value} cannot be read: {reason}.") from None


def _refuse_unknown(name: str, properties: Mapping[str, Schema]) -> None:
    if name not in properties:
        nearest = difflib.get_close_matches(name, properties, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"the inputs are {', '.join(properties)}."
        raise InputError(f"There is no input {name}: {hint}")


def _value(texts: list[str], schema: Schema) -> Any:
    if len(texts) > 1:
        return texts
    text = texts[0]
    types = _types(schema)
    if types == {"string"}:
        return text
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    return parsed if any(_is(parsed, kind) for kind in types - {"string"}) or "string" not in types else text


def _check(name: str, value: Any, schema: Schema) -> None:
    types = _types(schema)
    if not any(_is(value, kind) for kind in types):
        wanted = " or ".join(sorted(types))
        raise InputError(f"{name} must be of type {wanted}, got {type(value).__name__}.")
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        raise InputError(f"{name} must be one of {', '.join(map(str, choices))}, got {value}.")
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"from {least} to {most}" if most is not None else f"at least {least}"
        raise InputError(f"{name} must be {bounds}, got {value}.")


def _types(schema: Schema) -> set[str]:
    """The JSON types that an input takes; a choice, which the schema names by reference, takes strings."""
    return {member.get("type", "string") for member in schema.get("anyOf", [schema])}


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "boolean")
