"""JSON schemas that guided decoding would not keep to.

xgrammar passes over what it cannot enforce without a word; the answer then fits its grammar and not the schema. vLLM
knows some of these cases. Measured with xgrammar 0.2.8: each keyword below, as it is described, let a wrong answer pass.
"""

from collections.abc import Iterator
from typing import Any

from granite.errors import InvalidInput

NEVER = (
    *("if", "not", "dependentRequired", "dependentSchemas", "dependencies", "$anchor", "$dynamicRef"),
    *("multipleOf", "uniqueItems", "contains"),
)
"""Keywords that are never enforced, or not beside a bound or for each type."""

NEEDS_TYPE = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), ("integer", "number")),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), ("string",)),
    **dict.fromkeys(("patternProperties", "propertyNames"), ("object",)),
}
"""Keywords that are enforced only beside one of these types."""

ALONE = ("$ref", "allOf", "anyOf", "oneOf")
"""Keywords beside which nothing else is enforced, except a `type` that each member repeats."""
BESIDE = {
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"),
    *("$defs", "definitions", "$schema", "$id", "discriminator"),
}
"""Keywords that say nothing about the answer."""
MAPS = ("properties", "patternProperties", "$defs", "definitions")
"""Keywords that hold schemas by a name of the caller's."""
VALUES = ("const", "default", "enum", "examples", "required")
"""Keywords that hold values, not schemas."""

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def check(where: str, schema: Any) -> None:
    """Raise InvalidInput for what guided decoding would not enforce. `where`: the path to the schema."""
    for part in _within(schema):
        for found, fix in _unenforced(part):
            raise InvalidInput(f"`{where}` uses {found}, which guided decoding cannot enforce; {fix}.")


def _within(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and all within it."""
    if isinstance(schema, list):
        for member in schema:
            yield from _within(member)
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        if key in MAPS and isinstance(value, dict):
            yield from _within(list(value.values()))
        elif key == "propertyNames" and isinstance(value, dict):
            yield from _within({"type": "string", **value})
        elif key not in VALUES:
            yield from _within(value)


def _unenforced(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is not enforced, and how to fix it."""
    types = schema.get("type")
    types = types if isinstance(types, list) else [types]
    for keyword in NEVER:
        if schema.get(keyword) not in (None, False):
            yield f"`{keyword}`", "remove it"
    for keyword, wanted in NEEDS_TYPE.items():
        if keyword in schema and not any(each in wanted for each in types):
            yield f"`{keyword}` without type {' or '.join(wanted)} beside it", "add the type"
    for keyword in ("pattern", "format"):
        if keyword in schema and ("minLength" in schema or "maxLength" in schema):
            yield f"`{keyword}` beside a length", "remove one of them"
    for keyword in ALONE:
        beside = schema.keys() - {keyword, *BESIDE} if keyword in schema else set()
        if beside and not (beside == {"type"} and _have_type(schema[keyword], schema["type"])):
            yield f"`{min(beside)}` beside `{keyword}`", f"move it into the schema under `{keyword}`"
    if not str(schema.get("$ref", "#")).startswith("#"):
        yield "a `$ref` to another document", "move that schema into `$defs`"
    required, properties = schema.get("required"), schema.get("properties")
    names = properties.keys() if isinstance(properties, dict) else ()
    if isinstance(required, list) and any(not isinstance(name, str) or name not in names for name in required):
        yield "`required` with a name that `properties` does not have", "add the property"
    if "enum" in schema and types != [None] and isinstance(schema["enum"], list):
        known = {kind for each in types for kind in JSON_TYPES.get(str(each), ())}
        if not all(type(value) in known for value in schema["enum"]):
            yield "`enum` with a value of another type than `type`", "remove the value"


def _have_type(members: Any, wanted: Any) -> bool:
    return isinstance(members, list) and all(isinstance(one, dict) and one.get("type") == wanted for one in members)
