"""The fields of a request body as predict()'s inputs, so that both APIs are checked by the same code.

Format: https://platform.openai.com/docs/api-reference/chat/create, with vLLM's sampling parameters and Granite's controls.
A null, an empty list and an empty object count as not set: OpenAI's clients send them by default.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection
from typing import Any

from granite.errors import InvalidInput, quote
from granite.request import sampling, shape
from granite.request.inputs import Inputs

DEFAULTS: dict[str, Any] = {"temperature": 1, "top_p": 1, "top_k": 0, "max_tokens": None}
"""OpenAI's own, where predict() has others."""

SAMPLING = (
    *("temperature", "top_p", "top_k", "min_p", "min_tokens", "seed", "stop"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
)
FURTHER = (*sampling.FIELDS, "structured_outputs")
"""Fields of `sampling_params`, which stand beside the others here."""

GRANITE = (
    *("documents", "thinking", "citations", "hallucinations", "length", "originality"),
    *("chat_template", "chat_template_kwargs", "add_generation_prompt"),
)
COMMON = ("model", "stream", "stream_options", *FURTHER)
"""Fields that every route has, in a form of their own."""

IGNORED = (
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
    *("max_tool_calls", "request_id", "session_id"),
)
"""Accepted: none of them changes an answer."""

NEUTRAL = {
    "reasoning_effort": ("none",),
    "modalities": (["text"],),
    "truncation": ("disabled",),
    "length_penalty": (1,),
    "priority": (0,),
    "add_special_tokens": (True, False),
    "include_reasoning": (True,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
}
"""Unsupported fields, and the values that change nothing: clients send these by default."""

RENAMED = {
    "adapter": "model",
    "functions": "tools",
    "function_call": "tool_choice",
    "max_tokens": "max_output_tokens",
    "stop_sequences": "stop",
}
"""Names from elsewhere, and OpenAI's."""


def is_set(value: Any) -> bool:
    return value is not None and value not in ([], {})


def check_names(body: dict[str, Any], known: Collection[str]) -> None:
    """Raise InvalidInput for a field that the route does not have, with the nearest that it has.

    False asks for nothing, too, where that is the default.
    """
    for name, value in body.items():
        if name in known or name in IGNORED or value is None:
            continue
        if value in NEUTRAL[name] if name in NEUTRAL else not is_set(value) or value is False:
            continue
        wanted = RENAMED.get(name, name[:64])
        near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.72) if name not in NEUTRAL else []
        fix = f"did you mean `{near[0]}`?" if near else "remove it."
        raise InvalidInput(f"{shape.code(name)} is not supported on this route; {fix}")


def inputs(body: dict[str, Any], defaults: Inputs, names: Collection[str], **given: Any) -> Inputs:
    """`names`: of the inputs to take from `body`. `given`: others. The types are for Checks to check."""
    taken = DEFAULTS | {name: body[name] for name in names if is_set(body.get(name))}
    if isinstance(taken.get("stop"), str):
        taken["stop"] = [taken["stop"]]
    if "tools" not in taken:
        taken.pop("tool_choice", None)
    further = {name: body[name] for name in FURTHER if is_set(body.get(name))}
    return dataclasses.replace(defaults, **{**taken, "sampling_params": further or None, **given})


def flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise InvalidInput(f"`{name}` must be true or false, got {quote(value)}.")
    return bool(value)


def whole(body: dict[str, Any], name: str, least: int, most: int | None = None) -> int | None:
    """A whole number within bounds; None if it is not set."""
    value = body.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if type(value) is not int or value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidInput(f"{name} must be {bounds}, got {quote(value)}.")
    return value


def include_usage(body: dict[str, Any]) -> bool:
    """The one of `stream_options` that has an effect."""
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise InvalidInput(f"`stream_options` must be an object, got {quote(options)}.")
    for name in options:
        if options[name] and name not in ("include_usage", "include_obfuscation"):
            raise InvalidInput(f"`stream_options` has an unknown field {shape.code(name)}; remove it.")
    return flag(options, "include_usage")
