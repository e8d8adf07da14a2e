"""The order of keys in what a caller defines.

Cog's server sorts the keys of every JSON object. Granite was trained on tools with their keys in the order in which
people write them, and guided decoding writes an object's properties in the order of its schema: a caller who puts
`reasoning` before `answer` means it. So the usual order is restored; properties follow `required`, a list that Cog does
not sort.
"""

from collections.abc import Iterable
from typing import Any

from granite.request.json_schema import MAPS, VALUES

ORDER = (
    *("type", "function", "name", "description", "parameters", "strict"),
    *("$schema", "$id", "$ref", "title", "enum", "const", "default", "format", "pattern"),
    *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
)
"""A tool's fields, then JSON Schema's keywords; any other follows."""


def restored(schema: Any) -> Any:
    """A tool, or a JSON schema, and all within it; anything else as it is."""
    if isinstance(schema, list):
        return [restored(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    ordered = {}
    for key, value in _ordered(schema, ORDER).items():
        if key in MAPS and isinstance(value, dict):
            required = schema.get("required") if key == "properties" else None
            first = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
            ordered[key] = {name: restored(member) for name, member in _ordered(value, first).items()}
        else:
            ordered[key] = value if key in VALUES else restored(value)
    return ordered


def _ordered(given: dict[str, Any], first: Iterable[str]) -> dict[str, Any]:
    return {key: given[key] for key in (*first, *given) if key in given}
