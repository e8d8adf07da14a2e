"""Guided decoding: the grammar that an answer cannot leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from granite.request import json_schema as enforceable
from granite.request import response_format
from granite.request.conversation import Conversation
from granite.request.faults import Faults, shown
from granite.request.further_sampling import FurtherSampling
from granite.request.inputs import Inputs

Guide = dict[str, Any]
"""The one field of vLLM's StructuredOutputsParams that guides the answer."""

Refusal = Callable[[Guide], str | None]
"""Why the engine cannot take a guide; None where it can."""


def checked(
    faults: Faults, inputs: Inputs, conversation: Conversation, further: FurtherSampling, refusal: Refusal
) -> Guide | None:
    """What guides the answer, if anything does; what contradicts, and what the engine refuses, is added to `faults`."""
    tools, schema, own = conversation.tools, response_format.checked(faults, inputs.response_format), further.guide
    guides = [name for name, given in (("response_format", schema is not None), ("tool_choice", tools.forced)) if given]
    for name in ("allowed_token_ids", "stop_token_ids"):
        if name in further.sampled and (guides or own):
            faults.add("sampling_params", f"sampling_params.{name} must be left out beside {(guides or [*own])[0]}.")
    if tools.forced and (inputs.given("stop") or inputs.given("stop_sequences")):
        name = "stop" if inputs.given("stop") else "stop_sequences"
        faults.add(name, f"{name} must be left out beside a tool_choice that forces a call, which it could cut.")
    if len(own) > 1 or (own and guides):
        faults.add("sampling_params", f"{' and '.join([*guides, *own])} each guide the answer: leave all but one out.")
    elif own:
        (name,) = own
        _refuse(faults, "sampling_params", f"sampling_params.{name} is", own, refusal)
        return own
    elif tools.forced:
        for function, parameters in tools.forced.items():
            _refuse(faults, "tools", f"The parameters of {shown(function)} are", {"json": parameters}, refusal)
        return _tag(tools.grammar())
    elif schema is not None:
        if conversation.controls.grounded:
            faults.add(
                "response_format", "response_format must be text beside citations and hallucinations, which are lists."
            )
        _refuse(faults, "response_format", "response_format.json_schema.schema is", {"json": schema}, refusal)
        return _tag(_after_thoughts(schema)) if conversation.controls.thinking else {"json": schema}
    return None


def _refuse(faults: Faults, name: str, what: str, guide: Guide, refusal: Refusal) -> None:
    reason = enforceable.refusal(guide.get("json")) or refusal(guide)
    if reason is not None:
        faults.add(name, f"{what} not one that guided decoding can take: {reason}")


def _tag(structure: dict[str, Any]) -> Guide:
    return {"structural_tag": json.dumps({"type": "structural_tag", "format": structure})}


def _after_thoughts(schema: dict[str, Any]) -> dict[str, Any]:
    """Thoughts are free, the response is not."""
    answer = {"type": "json_schema", "json_schema": schema, "max_whitespace_cnt": 1}
    return {
        "type": "sequence",
        "elements": [
            {"type": "tag", "begin": "<think>", "content": {"type": "any_text"}, "end": "</think>"},
            {"type": "tag", "begin": "<response>", "content": answer, "end": "</response>"},
        ],
    }
