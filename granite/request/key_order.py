"""The order of keys in what a caller defined.

Cog's server sorts the keys of every JSON object that it passes on. Granite was trained on tools with their keys in the
order in which people write them, and guided decoding writes an object's properties in the order of its schema: a caller
who puts `reasoning` before `answer` means it. So the usual order is restored; that of properties follows `required`, a
list that Cog leaves as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

TOOL = ("type", "function")
FUNCTION = ("name", "description", "parameters", "strict")
SCHEMA = (
    *("$schema", "$id", "$ref", "type", "title", "description", "enum", "const", "default", "format", "pattern"),
    *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
)
"""JSON Schema's keywords; any other follows."""

MAPS = ("properties", "patternProperties", "$defs", "definitions")
"""Keywords that hold schemas by a name of the caller's."""


def of_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if isinstance(function, dict):
        function = _ordered(function, FUNCTION)
        if isinstance(function.get("parameters"), dict):
            function["parameters"] = of_schema(function["parameters"])
        tool = {**tool, "function": function}
    return _ordered(tool, TOOL)


def of_schema(schema: Any) -> Any:
    """A JSON schema and all within it; anything else as it is."""
    if isinstance(schema, list):
        return [of_schema(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    ordered = {}
    for key, value in _ordered(schema, SCHEMA).items():
        if key in MAPS and isinstance(value, dict):
            first = schema.get("required") if key == "properties" else None
            names = _ordered(
                value, [name for name in first if isinstance(name, str)] if isinstance(first, list) else []
            )
            ordered[key] = {name: of_schema(member) for name, member in names.items()}
        else:
            ordered[key] = value if key in ("const", "default", "enum", "examples") else of_schema(value)
    return ordered


def _ordered(given: dict[str, Any], first: Iterable[str]) -> dict[str, Any]:
    return {key: given[key] for key in (*first, *given) if key in given}
