"""How the next token is chosen: a request's numbers as fields of vLLM's SamplingParams, by its names.

The engine converts and verifies them with vLLM's own code. Here is only what vLLM lets through.
"""

from __future__ import annotations

import difflib
import secrets
from typing import Any

from granite.errors import InvalidInput, quote
from granite.request import shape
from granite.request.inputs import Inputs

MIN_TEMPERATURE = 0.01
"""vLLM raises a temperature between 0 and this one to it without a word."""

MAX_LOGPROBS = 20
"""Alternatives of a token; vLLM takes -1 for the whole vocabulary."""

INT64_MAX = 2**63 - 1
"""The engine's messages carry no larger number: a request with one is never answered."""

DEFAULT_MAX_TOKENS = 512
"""predict()'s: any other value beside max_completion_tokens contradicts it."""

CONSTRAINTS = ("json", "regex", "choice", "grammar", "structural_tag")
"""Fields of vLLM's StructuredOutputsParams that sampling_params may set, inside `structured_outputs` or beside it."""

FIELDS = (
    *("logit_bias", "bad_words", "ignore_eos", "allowed_token_ids", "stop_token_ids", "include_stop_str_in_output"),
    *("repetition_detection", "stream_interval", "skip_reading_prefix_cache"),
)
"""Fields of vLLM's SamplingParams that sampling_params may set."""

NOT_OFFERED = {
    "n": "a request has one answer",
    "detokenize": "an answer is text",
    "output_kind": "`stream` decides it",
    "flat_logprobs": "it changes what the engine returns, not the answer",
    "extra_args": "no plug-in of this server reads them",
    "watermarking": "this server marks no answers",
    "thinking_token_budget": "Granite's thoughts have no token of their own to count from",
    "routed_experts_prompt_start": "this model has no experts",
    "trace_decode_token_ids": "it replaces sampling",
    **dict.fromkeys(("skip_special_tokens", "spaces_between_special_tokens"), "an answer contains none"),
    **dict.fromkeys(("skip_clone", "output_text_buffer_length"), "it is the engine's own"),
    **dict.fromkeys(
        ("prompt_logprobs", "prompt_logprob_token_ids", "prompt_logprob_start", "logprob_token_ids"),
        "an answer has no field for them",
    ),
}
"""Fields of vLLM's SamplingParams that a request cannot set, and why."""


def basic(inputs: Inputs) -> dict[str, Any]:
    """Check `max_tokens` to `seed` and their other names. A missing seed is drawn, so that the log can show it."""
    max_tokens = inputs.max_tokens
    if inputs.max_completion_tokens is not None:
        if max_tokens not in (None, DEFAULT_MAX_TOKENS):
            raise InvalidInput("Give either max_tokens or max_completion_tokens, not both.")
        max_tokens = inputs.max_completion_tokens
    _check_int64("max_tokens", max_tokens or 0)
    if max_tokens is not None and inputs.min_tokens > max_tokens:
        raise InvalidInput(f"min_tokens must be at most max_tokens, which is {max_tokens}, got {inputs.min_tokens}.")
    _check_int64("min_tokens", inputs.min_tokens)
    if 0 < inputs.temperature < MIN_TEMPERATURE:
        raise InvalidInput(f"temperature must be 0 or at least {MIN_TEMPERATURE}, got {inputs.temperature}.")
    if not 0 < inputs.top_p <= 1:
        raise InvalidInput(f"top_p must be above 0 and at most 1, got {inputs.top_p}.")
    _check_int64("top_k", inputs.top_k)
    stop = _stop(inputs)
    if inputs.seed is not None and not 0 <= inputs.seed <= INT64_MAX:
        raise InvalidInput(f"seed must be from 0 to 2**63 - 1, got {inputs.seed}.")
    return {
        **({} if max_tokens is None else {"max_tokens": max_tokens}),
        "min_tokens": inputs.min_tokens,
        "temperature": inputs.temperature,
        "top_p": inputs.top_p,
        "top_k": 0 if inputs.top_k == -1 else inputs.top_k,  # vLLM prefers 0 for "off"
        "presence_penalty": inputs.presence_penalty,
        "frequency_penalty": inputs.frequency_penalty,
        "stop": stop,
        "seed": secrets.randbelow(2**31) if inputs.seed is None else inputs.seed,
        "min_p": inputs.min_p,
        "repetition_penalty": inputs.repetition_penalty,
    }


def logprobs(inputs: Inputs) -> dict[str, Any]:
    if inputs.logprobs is None:
        return {}
    if not 0 <= inputs.logprobs <= MAX_LOGPROBS:
        raise InvalidInput(f"logprobs must be from 0 to {MAX_LOGPROBS}, got {inputs.logprobs}.")
    return {"logprobs": inputs.logprobs}


def further(inputs: Inputs) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check `sampling_params`; return its fields of SamplingParams and of StructuredOutputsParams."""
    given = _without_nulls(inputs.sampling_params or {})
    nested = given.pop("structured_outputs", {})
    if not isinstance(nested, dict):
        raise InvalidInput(f"`sampling_params.structured_outputs` must be an object, got {quote(nested)}.")
    for name, value in _without_nulls(nested).items():
        if name in given:
            raise InvalidInput(f"`sampling_params` sets {shape.code(name)} twice, also in `structured_outputs`.")
        given[name] = value
    for name, value in given.items():
        if name not in FIELDS and name not in CONSTRAINTS:
            raise InvalidInput(_refusal(name))
        _check_numbers(name, value)
    bias = given.get("logit_bias")
    for value in bias.values() if isinstance(bias, dict) else ():
        if isinstance(value, int | float) and not -100 <= value <= 100:
            raise InvalidInput(f"sampling_params.logit_bias must be from -100 to 100, got {value}.")
    constraints = {name: given.pop(name) for name in CONSTRAINTS if name in given}
    return given, constraints


def _stop(inputs: Inputs) -> list[str]:
    name, texts = "stop", inputs.stop or []
    if inputs.stop_sequences is not None:
        if inputs.stop is not None:
            raise InvalidInput("Give either stop or stop_sequences, not both.")
        name, texts = "stop_sequences", inputs.stop_sequences.split(",")
    if "" in texts:
        raise InvalidInput(f"`{name}` contains an empty text, which would end every answer at once; remove it.")
    if any("\0" in text for text in texts):
        raise InvalidInput(f"`{name}` contains a NUL character, which no answer can contain; remove it.")
    return texts


def _refusal(name: str) -> str:
    if name in NOT_OFFERED:
        return f"`sampling_params` cannot set `{name}`: {NOT_OFFERED[name]}."
    inputs = Inputs.__dataclass_fields__
    instead = "response_format" if name == "json_object" else name
    if instead in inputs:
        return f"`sampling_params` cannot set `{name}`; use the input `{instead}`."
    nearest = difflib.get_close_matches(name, (*FIELDS, *CONSTRAINTS, *inputs), n=1)
    fix = f"did you mean `{nearest[0]}`?" if nearest else "remove it."
    return f"`sampling_params` has an unknown field {shape.code(name)}; {fix}"


def _check_int64(name: str, number: int) -> None:
    if abs(number) > INT64_MAX:
        raise InvalidInput(f"{name} must be at most 2**63 - 1, got {number}.")


def _check_numbers(name: str, value: Any) -> None:
    left = [value]
    while left:
        match left.pop():
            case int() | float() as number if not abs(number) <= INT64_MAX:
                raise InvalidInput(f"`sampling_params.{name}` contains a number that does not fit 64 bits.")
            case dict(members):
                left += members.values()
            case list(members):
                left += members


def _without_nulls(given: dict[str, Any]) -> dict[str, Any]:
    """Null is vLLM's word for what is not set."""
    return {name: value for name, value in given.items() if value is not None}
