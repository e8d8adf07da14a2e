"""The inputs of one request as typed on a command line, checked against the schema before a server starts.

Cog drops an unknown name in silence and answers a wrong value in its own words, both only once the model is loaded.
Standard library only.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from granite.errors import InvalidInput, quote, suggestion

Schema = Mapping[str, Any]

TYPES: dict[str, tuple[str, Any]] = {
    "string": ("a text", str),
    "integer": ("a whole number", (int, float)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", bool),
    "array": ("a list", list),
    "object": ("an object", dict),
}
"""JSON's types: in words, and in Python."""


def read(pairs: Iterable[str], document: str | None, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the request's inputs. Raises InvalidInput.

    `pairs`: `name=value`; a repeated name makes a list, `@file` takes a file's text. `document`: all inputs as one JSON
    object, `@file` or `@-` (stdin); pairs override it. `schemas`: each input's JSON schema.
    """
    inputs = _json("--json", _text(document)) if document is not None else {}
    if not isinstance(inputs, dict):
        raise InvalidInput('--json is not a JSON object such as {"prompt": "Hello"}.')
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInput(f"-i {pair} has no value; write -i {name}=VALUE.")
        texts.setdefault(name, []).append(_text(value))
    for name in [*inputs, *texts]:
        if name not in schemas:
            hint = suggestion(name, schemas, f"the inputs are {', '.join(schemas)}.")
            raise InvalidInput(f"There is no input `{name}`; {hint}")
    inputs |= {name: _parse(name, given, schemas[name]) for name, given in texts.items()}
    for name, value in inputs.items():
        _check(name, value, schemas[name])
    return inputs


def _text(value: str) -> str:
    """A value, or the text of the file that `@file` names."""
    try:
        if value.startswith("@"):
            value = sys.stdin.read() if value == "@-" else Path(value[1:]).expanduser().read_text(encoding="utf-8")
        value.encode()
    except UnicodeError:
        raise InvalidInput(f"{value if value.startswith('@') else 'The input'} is not UTF-8 text.") from None
    except OSError as error:
        raise InvalidInput(f"{value} cannot be read: {error.strerror}.") from None
    return value


def _json(source: str, text: str) -> Any:
    try:
        parsed = json.loads(text)
        # Python reads NaN, 1e999 and half a character, which no request can hold.
        json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise InvalidInput(f"{source} is not valid JSON: {error}.") from None
    return parsed


def _parse(name: str, texts: list[str], schema: Schema) -> Any:
    """The value of an input from its texts. A list is JSON, or one text for each item."""
    types = {variant["type"] for variant in schema.get("anyOf", [schema])}
    begins_as = {"[": "array", "{": "object"}.get(texts[0].lstrip()[:1])
    if "array" in types and (begins_as != "array" or len(texts) > 1):
        return [_parse(name, [text], schema["items"]) for text in texts]
    if len(texts) > 1:
        raise InvalidInput(f"`{name}` is given {len(texts)} times; give it once.")
    if "string" in types and begins_as not in types:
        return texts[0]
    try:
        return _json(f"`{name}`", texts[0])
    except InvalidInput:
        if types & {"array", "object"}:
            raise
        return texts[0]


def _check(name: str, value: Any, schema: Schema) -> None:
    variants = schema.get("anyOf", [schema])
    if not any(_fits(value, variant) for variant in variants):
        words = " or ".join(TYPES[variant["type"]][0] for variant in variants)
        items = {"string": " of texts", "object": " of objects"}.get(schema.get("items", {}).get("type"), "")
        raise InvalidInput(f"`{name}` must be {words}{items}, got {quote(value)}.")
    if value not in schema.get("enum", [value]):
        raise InvalidInput(f"`{name}` must be {' or '.join(schema['enum'])}, got {quote(value)}.")
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and not least <= value <= (value if most is None else most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidInput(f"{name} must be {bounds}, got {value}.")


def _fits(value: Any, schema: Schema) -> bool:
    kind = schema["type"]
    if not isinstance(value, TYPES[kind][1]) or isinstance(value, bool) != (kind == "boolean"):
        return False
    if isinstance(value, list):
        return all(_fits(item, schema["items"]) for item in value)
    return kind != "integer" or isinstance(value, int) or value.is_integer()
