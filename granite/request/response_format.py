"""The form that a caller wants the answer in, in OpenAI's words.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-response_format
"""

from __future__ import annotations

from typing import Any

from granite.request import key_order
from granite.request.faults import Faults, shown

TYPES = ("text", "json_object", "json_schema")


def checked(faults: Faults, response_format: dict[str, Any] | None) -> dict[str, Any] | None:
    """The JSON schema that the answer must fit, or None where any text will do."""
    if response_format is None:
        return None
    kind = response_format.get("type")
    if kind not in TYPES:
        faults.add("response_format", f"response_format.type must be one of {', '.join(TYPES)}, got {shown(kind)}.")
        return None
    known = {"type", "json_schema"} if kind == "json_schema" else {"type"}
    for key in sorted(response_format.keys() - known):
        faults.add("response_format", f"response_format holds {shown(key)}, which type {kind} does not have.")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    wrapped = response_format.get("json_schema")
    schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
    if not isinstance(schema, dict):
        faults.add(
            "response_format", 'response_format.json_schema must be {"name": …, "schema": …} with a JSON schema in it.'
        )
        return None
    ordered: dict[str, Any] = key_order.of_schema(schema)
    return ordered
