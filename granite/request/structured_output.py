"""Guided decoding: what constrains the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from granite.errors import InvalidInput
from granite.request import json_schema, key_order, shape
from granite.request.inputs import Inputs
from granite.request.shape import Shape
from granite.request.tools import Tools


@dataclass(frozen=True)
class Guide:
    """`field` of vLLM's StructuredOutputsParams and its `value`. `source`: the input to name if the engine refuses it."""

    field: str
    value: Any
    source: str

    def after_thoughts(self) -> Guide:
        """Leave the thoughts free, and constrain the response, if this is a schema."""
        if self.field != "json":
            return self
        answer = {"type": "json_schema", "json_schema": self.value, "max_whitespace_cnt": 1}
        elements = [
            {"type": "tag", "begin": "<think>", "content": {"type": "any_text"}, "end": "</think>"},
            {"type": "tag", "begin": "<response>", "content": answer, "end": "</response>"},
        ]
        return _tag({"type": "sequence", "elements": elements}, self.source)


class _Schema(Shape):
    schema_: dict[str, Any] = Field(alias="schema")


class _WithSchema(Shape, extra="forbid"):
    type: Literal["json_schema"]
    json_schema: _Schema


class _Plain(Shape, extra="forbid"):
    type: Literal["text", "json_object", "json_schema"]


class _Constraints(Shape):
    json_: dict[str, Any] | None = Field(None, alias="json")
    regex: Annotated[str, Field(min_length=1)] | None = None
    choice: list[Annotated[str, Field(min_length=1)]] | None = None
    grammar: Annotated[str, Field(min_length=1)] | None = None
    structural_tag: Annotated[str, Field(min_length=1)] | None = None


_PLAIN, _WITH_SCHEMA, _CONSTRAINTS = TypeAdapter(_Plain), TypeAdapter(_WithSchema), TypeAdapter(_Constraints)


def response_schema(inputs: Inputs, tools: Tools) -> dict[str, Any] | None:
    """Check `response_format`; return the JSON schema that the answer must fit, if there is one.

    Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-response_format
    """
    given = inputs.response_format
    if given is None:
        return None
    if given.get("type") == "json_schema":
        checked = shape.check(_WITH_SCHEMA, given, "response_format")
        schema = _checked_schema("response_format.json_schema.schema", checked.json_schema.schema_)
    elif shape.check(_PLAIN, given, "response_format").type == "text":
        return None
    else:
        schema = {"type": "object"}
    if tools.callable:
        raise InvalidInput(
            "`response_format` cannot be combined with `tools` unless `tool_choice` is none: it would rule out calls."
        )
    return schema


def guide(
    tools: Tools, schema: dict[str, Any] | None, constraints: dict[str, Any], sampled: dict[str, Any]
) -> Guide | None:
    """Return what constrains the answer: the schema of response_format, a forced call, or one of sampling_params.

    `constraints`, `sampled`: what sampling_params sets of StructuredOutputsParams and of SamplingParams.
    """
    given = {"response_format": schema is not None, "tool_choice": tools.forced, **dict.fromkeys(constraints, True)}
    sources = [name for name in given if given[name]]
    if len(sources) > 1:
        raise InvalidInput(f"`{sources[0]}` and `{sources[1]}` both constrain the output; use one.")
    for name in ("allowed_token_ids", "stop_token_ids"):
        if sources and name in sampled:
            raise InvalidInput(f"`{name}` cannot be combined with `{sources[0]}`; remove one of them.")
    shape.check(_CONSTRAINTS, constraints, "sampling_params")
    for name, value in constraints.items():
        return Guide(name, _checked_schema("sampling_params.json", value) if name == "json" else value, name)
    if tools.forced:
        return _tag(tools.grammar(), "tools")
    return None if schema is None else Guide("json", schema, "response_format")


def _checked_schema(where: str, schema: dict[str, Any]) -> dict[str, Any]:
    json_schema.check(where, schema)
    ordered: dict[str, Any] = key_order.of_schema(schema)
    return ordered


def _tag(structure: dict[str, Any], source: str) -> Guide:
    return Guide("structural_tag", json.dumps({"type": "structural_tag", "format": structure}), source)
