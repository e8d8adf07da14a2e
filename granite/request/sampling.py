"""How the next token is chosen: a request's numbers as fields of vLLM's SamplingParams, by its names.

The engine converts and verifies them with vLLM's own code. Here is only what vLLM lets through.
"""

import secrets
from typing import Any

from granite.errors import InvalidInput, quote, suggestion
from granite.request import shape
from granite.request.inputs import Inputs

MIN_TEMPERATURE = 0.01
"""vLLM raises a temperature between 0 and this one to it without a word."""

REPETITION_PENALTIES = 1e-30, 1e30
"""The engine divides by it in 32 bits: beyond these, all log probabilities are NaN."""

MAX_LOGPROBS = 20
"""Alternatives of a token; vLLM takes -1 for the whole vocabulary."""

INT64_MAX = 2**63 - 1
"""The engine's messages carry no larger number: a request with one is never answered."""

UNCHANGED = (
    *("min_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("min_p", "repetition_penalty", "logprobs"),
)
"""Inputs that are fields of SamplingParams as they are."""

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
    "output_kind": "`stream` decides it",
    "thinking_token_budget": "Granite's thoughts have no token of their own to count from",
    **dict.fromkeys(("prompt_logprobs", "prompt_logprob_token_ids", "prompt_logprob_start"), "an answer omits them"),
    **dict.fromkeys(("skip_special_tokens", "spaces_between_special_tokens"), "an answer contains none"),
    **dict.fromkeys(("skip_clone", "output_text_buffer_length", "flat_logprobs"), "it is the engine's own"),
    **dict.fromkeys(("extra_args", "watermarking", "routed_experts_prompt_start"), "nothing here reads it"),
    **dict.fromkeys(("detokenize", "logprob_token_ids", "trace_decode_token_ids"), "it changes the form of the answer"),
}
"""Fields of vLLM's SamplingParams that a request cannot set, and why."""


def basic(inputs: Inputs) -> dict[str, Any]:
    """Check `max_tokens` to `seed` and their other names. A missing seed is drawn, so that the log can show it."""
    max_tokens = inputs.max_tokens
    if inputs.max_completion_tokens is not None:
        if max_tokens not in (None, DEFAULT_MAX_TOKENS):
            raise InvalidInput("Give either max_tokens or max_completion_tokens, not both.")
        max_tokens = inputs.max_completion_tokens
    if max_tokens is not None and inputs.min_tokens > max_tokens:
        raise InvalidInput(f"min_tokens must be at most max_tokens, which is {max_tokens}, got {inputs.min_tokens}.")
    if 0 < inputs.temperature < MIN_TEMPERATURE:
        raise InvalidInput(f"temperature must be 0 or at least {MIN_TEMPERATURE}, got {inputs.temperature}.")
    if not 0 < inputs.top_p <= 1:
        raise InvalidInput(f"top_p must be above 0 and at most 1, got {inputs.top_p}.")
    _check_numbers("top_k", inputs.top_k)
    least, most = REPETITION_PENALTIES
    if not least <= inputs.repetition_penalty <= most:
        raise InvalidInput(f"repetition_penalty must be from {least} to {most}, got {inputs.repetition_penalty}.")
    stop = _stop(inputs)
    if inputs.seed is not None and not 0 <= inputs.seed <= INT64_MAX:
        raise InvalidInput(f"seed must be from 0 to 2**63 - 1, got {inputs.seed}.")
    fields = {
        **{name: getattr(inputs, name) for name in UNCHANGED},
        "max_tokens": max_tokens,
        "top_k": 0 if inputs.top_k == -1 else inputs.top_k,  # vLLM prefers 0 for "off"
        "stop": stop,
        "seed": secrets.randbelow(2**31) if inputs.seed is None else inputs.seed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def further(inputs: Inputs) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check `logprobs` and `sampling_params`; return the fields of SamplingParams and of StructuredOutputsParams."""
    if inputs.logprobs is not None and not 0 <= inputs.logprobs <= MAX_LOGPROBS:
        raise InvalidInput(f"logprobs must be from 0 to {MAX_LOGPROBS}, got {inputs.logprobs}.")
    given = dict(inputs.sampling_params or {})
    nested = given.pop("structured_outputs", None) or {}
    if not isinstance(nested, dict):
        raise InvalidInput(f"`sampling_params.structured_outputs` must be an object, got {quote(nested)}.")
    for name in given.keys() & nested.keys():
        raise InvalidInput(
            f"`sampling_params` sets {shape.code(name)} twice, also in `structured_outputs`; remove one."
        )
    # Null is vLLM's word for what is not set, and an empty list counts as not set everywhere.
    given = {name: value for name, value in (*given.items(), *nested.items()) if value not in (None, [])}
    for name, value in given.items():
        if name not in FIELDS and name not in CONSTRAINTS:
            raise InvalidInput(_refusal(name))
        _check_numbers(f"sampling_params.{name}", value)
    constraints = {name: given.pop(name) for name in CONSTRAINTS if name in given}
    return given, constraints


def _stop(inputs: Inputs) -> list[str]:
    name, texts = "stop", inputs.stop or []
    if inputs.stop_sequences is not None:
        if inputs.stop is not None:
            raise InvalidInput("Give either stop or stop_sequences, not both.")
        name, texts = "stop_sequences", inputs.stop_sequences.split(",")
    if any(not text or "\0" in text for text in texts):
        raise InvalidInput(f"`{name}` contains an empty text or a NUL character; remove it.")
    return texts


def _refusal(name: str) -> str:
    if name in NOT_OFFERED:
        return f"`sampling_params` cannot set `{name}`: {NOT_OFFERED[name]}."
    inputs = Inputs.__dataclass_fields__
    if name in inputs:
        return f"`sampling_params` cannot set `{name}`; use the input `{name}`."
    fix = suggestion(name, (*FIELDS, *CONSTRAINTS, *inputs))
    return f"`sampling_params` has an unknown field {shape.code(name)}; {fix}"


def _check_numbers(where: str, value: Any) -> None:
    left = [value]
    while left:
        match left.pop():
            case int() | float() as number if not abs(number) <= INT64_MAX:  # NaN too
                raise InvalidInput(f"`{where}` contains a number that does not fit 64 bits.")
            case dict(members):
                left += members.values()
            case list(members):
                left += members
