"""Guided decoding: what constrains the answer."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from granite.errors import InvalidInput
from granite.request import json_schema, key_order, shape
from granite.request.conversation import Conversation
from granite.request.inputs import Inputs
from granite.request.shape import Shape, Text
from granite.request.tools import Tools


@dataclass(frozen=True)
class Guide:
    """`field` of vLLM's StructuredOutputsParams and its `value`. `source`: the input to name if the engine refuses it."""

    field: str
    value: Any
    source: str


class _Schema(Shape):
    schema_: dict[str, Any] = Field(alias="schema")


class _Format(Shape, extra="forbid"):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _Constraints(Shape):
    json_: dict[str, Any] | None = Field(None, alias="json")
    regex: Text | None = None
    choice: list[Text] | None = None
    grammar: Text | None = None
    structural_tag: Text | None = None


_FORMAT, _CONSTRAINTS = TypeAdapter(_Format), TypeAdapter(_Constraints)


def of_response_format(inputs: Inputs, tools: Tools) -> Guide | None:
    """Check `response_format`.

    Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-response_format
    """
    wanted = shape.check(_FORMAT, inputs.response_format or {"type": "text"}, "response_format")
    if wanted.type == "text":
        return None
    if wanted.type == "json_schema" and wanted.json_schema is None:
        raise InvalidInput("`response_format.json_schema` is missing.")
    schema = wanted.json_schema.schema_ if wanted.json_schema else {"type": "object"}
    json_schema.check("response_format.json_schema.schema", schema)
    if tools.callable:
        raise InvalidInput("`response_format` cannot be combined with `tools` unless `tool_choice` is none.")
    return Guide("json", key_order.restored(schema), "response_format")


def guide(
    response: Guide | None, conversation: Conversation, constraints: dict[str, Any], sampled: dict[str, Any]
) -> Guide | None:
    """Return what constrains the answer: `response` (of response_format), a forced call, or one of sampling_params.

    `constraints`, `sampled`: what sampling_params sets of StructuredOutputsParams and of SamplingParams.
    """
    shape.check(_CONSTRAINTS, constraints, "sampling_params")
    if "json" in constraints:
        json_schema.check("sampling_params.json", constraints["json"])
        constraints = {**constraints, "json": key_order.restored(constraints["json"])}
    guides = [] if response is None else [response]
    if conversation.tools.forced:
        for name in filter(conversation.inputs.given, ("stop", "stop_sequences")):
            raise InvalidInput(f"`{name}` could cut off the call that `tool_choice` forces; remove it.")
        guides.append(_tag(conversation.tools.grammar(), "tool_choice"))
    guides += [Guide(name, value, name) for name, value in constraints.items()]
    if not guides:
        return None
    chosen, *others = guides
    if others:
        raise InvalidInput(f"`{chosen.source}` and `{others[0].source}` both constrain the output; use one.")
    for name in ("allowed_token_ids", "stop_token_ids"):
        if name in sampled:
            raise InvalidInput(f"`{name}` cannot be combined with `{chosen.source}`; remove one of them.")
    if conversation.controls.grounded and chosen.source not in constraints:
        raise InvalidInput(f"`{chosen.source}` cannot be combined with `citations` or `hallucinations`; remove it.")
    if conversation.controls.thinking and chosen.field == "json":
        return _after_thoughts(chosen)
    return chosen


def _after_thoughts(guide: Guide) -> Guide:
    """Leave the thoughts free, and constrain the response."""
    answer = {"type": "json_schema", "json_schema": guide.value, "max_whitespace_cnt": 1}
    elements = [
        {"type": "tag", "begin": "<think>", "content": {"type": "any_text"}, "end": "</think>"},
        {"type": "tag", "begin": "<response>", "content": answer, "end": "</response>"},
    ]
    return _tag({"type": "sequence", "elements": elements}, guide.source)


def _tag(structure: dict[str, Any], source: str) -> Guide:
    return Guide("structural_tag", json.dumps({"type": "structural_tag", "format": structure}), source)
