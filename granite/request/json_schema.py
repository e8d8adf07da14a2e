"""Which JSON schemas guided decoding keeps to.

xgrammar passes over, without a word, what it cannot enforce; the answer then fits its grammar and not the schema. vLLM
knows some of these cases. Measured with xgrammar 0.2.8: each keyword below, as it is described, let a wrong answer pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NEVER = (
    *("if", "then", "else", "not", "dependentRequired", "dependentSchemas", "dependencies", "$anchor", "$dynamicRef"),
    *(
        "multipleOf",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "unevaluatedProperties",
        "unevaluatedItems",
    ),
)
"""Keywords that are never enforced."""

NEEDS_TYPE = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), ("integer", "number")),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), ("string",)),
}
"""Keywords that are enforced only beside one of these types."""

ANNOTATIONS = ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment")
DEFINITIONS = ("$defs", "definitions", "$schema", "$id")
MAPS = ("properties", "patternProperties", "$defs", "definitions")
VALUES = ("const", "default", "enum", "examples", "required")

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def refusal(schema: Any) -> str | None:
    """What in the schema would not be enforced, as a sentence; None where all of it is."""
    return next(_refusals(schema), None)


def _refusals(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for member in schema:
            yield from _refusals(member)
    if not isinstance(schema, dict):
        return
    yield from _own(schema)
    for key, value in schema.items():
        if key in MAPS and isinstance(value, dict):
            yield from _refusals(list(value.values()))
        elif key not in VALUES:
            yield from _refusals(value)


def _own(schema: dict[str, Any]) -> Iterator[str]:
    types = schema.get("type")
    types = types if isinstance(types, list) else [types]
    for keyword in NEVER:
        if schema.get(keyword) not in (None, False):
            yield f"{keyword} is not enforced."
    for keyword, wanted in NEEDS_TYPE.items():
        if keyword in schema and not any(each in wanted for each in types):
            yield f"{keyword} is not enforced without type {' or '.join(wanted)} beside it."
    for keyword in ("$ref", "allOf"):
        beside = schema.keys() - {keyword, *ANNOTATIONS, *DEFINITIONS}
        if keyword in schema and beside:
            yield f"{min(beside)} is not enforced beside {keyword}."
    if not str(schema.get("$ref", "#")).startswith("#"):
        yield "$ref is followed only within the schema."
    required, properties = schema.get("required"), schema.get("properties", {})
    if isinstance(required, list) and any(name not in properties for name in required):
        yield "required names a property that properties does not have."
    if "enum" in schema and types != [None] and isinstance(schema["enum"], list):
        known = [kind for each in types for kind in JSON_TYPES.get(str(each), ())]
        if not all(type(value) in known for value in schema["enum"]):
            yield "enum holds a value that is not of its type."
