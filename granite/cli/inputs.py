"""The inputs of one request as typed on a command line, checked against the schema before a server starts.

Cog drops an unknown name in silence and answers a wrong value in its own words, both only once the model is loaded.
Standard library only.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from granite.errors import GraniteError, quote

Schema = Mapping[str, Any]

TYPES: dict[str, tuple[str, Any]] = {
    "string": ("a text", (str,)),
    "integer": ("a whole number", (int, float)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
    "array": ("a list", (list,)),
    "object": ("an object", (dict,)),
}
"""JSON's types: in words, and in Python."""


class InputError(GraniteError):
    pass


def read(pairs: Iterable[str], document: str | None, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the request's inputs. Raises InputError.

    `pairs`: `name=value`; a repeated name makes a list, `@file` takes a file's text. `document`: all inputs as one JSON
    object, `@file` or `@-` (stdin); pairs override it. `schemas`: each input's JSON schema.
    """
    inputs = _document(document) if document is not None else {}
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"-i {pair} has no value; write -i {name}=VALUE.")
        texts.setdefault(name, []).append(_text(value))
    for name in [*inputs, *texts]:
        if name not in schemas:
            nearest = difflib.get_close_matches(name, schemas, n=1)
            hint = f"did you mean `{nearest[0]}`?" if nearest else f"the inputs are {', '.join(schemas)}."
            raise InputError(f"There is no input `{name}`; {hint}")
    inputs |= {name: _parse(name, given, schemas[name]) for name, given in texts.items()}
    for name, value in inputs.items():
        _check(name, value, schemas[name])
    return inputs


def _document(document: str) -> dict[str, Any]:
    source = document if document.startswith("@") else "--json"
    parsed = _json(source, _text(document))
    if not isinstance(parsed, dict):
        raise InputError(f'{source} is not a JSON object such as {{"prompt": "Hello"}}.')
    return parsed


def _text(value: str) -> str:
    """A value, or the text of the file that `@file` names."""
    try:
        if value.startswith("@"):
            value = sys.stdin.read() if value == "@-" else Path(value[1:]).expanduser().read_text(encoding="utf-8")
        value.encode()
    except UnicodeError:
        raise InputError(f"{value if value.startswith('@') else 'The input'} is not UTF-8 text.") from None
    except OSError as error:
        raise InputError(f"{value} cannot be read: {error.strerror}.") from None
    return value


def _json(source: str, text: str) -> Any:
    try:
        parsed = json.loads(text, parse_float=_finite, parse_constant=_finite)
        json.dumps(parsed, ensure_ascii=False).encode()
    except ValueError as error:
        raise InputError(f"{source} is not valid JSON: {error}.") from None
    return parsed


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"it has no number {text}")
    return value


def _parse(name: str, texts: list[str], schema: Schema) -> Any:
    """The value of an input from its texts. A list is JSON, or one text for each item."""
    if schema.get("type") == "array":
        if len(texts) == 1 and texts[0].lstrip().startswith("["):
            return _json(f"`{name}`", texts[0])
        return [_parse(name, [text], schema["items"]) for text in texts]
    if len(texts) > 1:
        raise InputError(f"`{name}` is given {len(texts)} times; give it once.")
    types = _types(schema)
    if types == {"string"} or ("string" in types and not texts[0].lstrip().startswith("{")):
        return texts[0]
    try:
        return _json(f"`{name}`", texts[0])
    except InputError:
        if "object" in types:
            raise
        return texts[0]


def _check(name: str, value: Any, schema: Schema) -> None:
    if not any(_fits(value, variant) for variant in schema.get("anyOf", [schema])):
        words = " or ".join(TYPES[kind][0] for kind in sorted(_types(schema)))
        items = {"string": " of texts", "object": " of objects"}.get(schema.get("items", {}).get("type"), "")
        raise InputError(f"`{name}` must be {words}{items}, got {quote(value)}.")
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        raise InputError(f"`{name}` must be {' or '.join(choices)}, got {quote(value)}.")
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"from {least} to {most}" if most is not None else f"at least {least}"
        raise InputError(f"{name} must be {bounds}, got {value}.")


def _types(schema: Schema) -> set[str]:
    return {variant["type"] for variant in schema.get("anyOf", [schema])}


def _fits(value: Any, schema: Schema) -> bool:
    kind = schema["type"]
    if not isinstance(value, TYPES[kind][1]) or isinstance(value, bool) != (kind == "boolean"):
        return False
    if isinstance(value, list):
        return all(_fits(item, schema["items"]) for item in value)
    return kind != "integer" or isinstance(value, int) or float(value).is_integer()
