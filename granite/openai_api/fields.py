"""A body's fields as predict()'s inputs, so that both APIs are checked by the same code.

Format: https://platform.openai.com/docs/api-reference/chat/create, with vLLM's sampling parameters and Granite's controls.
A null, an empty list and an empty object count as not set: OpenAI's clients send them by default.
"""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from granite.errors import InvalidInput, quote, suggestion
from granite.request import sampling, shape
from granite.request.inputs import Inputs, Whole
from granite.request.shape import Shape

DEFAULTS: dict[str, Any] = {"temperature": 1, "top_p": 1, "top_k": 0, "max_tokens": None}
"""OpenAI's own, where predict() has others."""

CHAT = {field.name for field in dataclasses.fields(Inputs)} - {
    *("prompt", "system_prompt", "suffix", "sampling_params", "adapter", "stop_sequences")
}
COMPLETION = {
    *("temperature", "top_p", "top_k", "min_p", "min_tokens", "seed", "stop", "suffix", "response_format"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
}
FURTHER = {*sampling.FIELDS, "structured_outputs"}
"""Fields of the input `sampling_params`; here they are beside the others."""

IGNORED = {
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
    *("max_tool_calls", "request_id", "session_id", "add_special_tokens"),
}
"""Accepted: none of them changes an answer."""

NEUTRAL = {
    "best_of": 1,
    "include": ["reasoning.encrypted_content"],
    "reasoning_effort": "none",
    "truncation": "disabled",
    # vllm-router adds these to every chat.
    **dict.fromkeys(("skip_special_tokens", "include_reasoning", "separate_reasoning", "stream_reasoning"), True),
}
"""Unsupported fields, and the value that changes nothing: clients send it by default. It is False for others."""

RENAMED = {"adapter": "model", "functions": "tools", "function_call": "tool_choice", "max_tokens": "max_output_tokens"}
"""Names of the Cog API and former names of OpenAI's."""


class _StreamOptions(Shape, extra="forbid"):
    include_usage: bool = False
    include_obfuscation: bool = False


class _Options(Shape):
    """Fields that are not inputs of predict(), or have another form there."""

    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()
    n: Annotated[Whole, Field(ge=1)] = 1


class _ChatOptions(_Options):
    logprobs: bool = False
    top_logprobs: Annotated[Whole, Field(ge=0, le=sampling.MAX_LOGPROBS)] = 0
    parallel_tool_calls: bool = True


class _CompletionOptions(_Options):
    prompt: Any = None
    echo: bool = False
    logprobs: Whole | None = None
    max_tokens: Whole = 16


_CHAT, _COMPLETION = TypeAdapter(_ChatOptions), TypeAdapter(_CompletionOptions)


@dataclass(frozen=True)
class Call:
    """What a body asks for."""

    inputs: Inputs
    n: int
    include_usage: bool
    prompts: Sequence[str | list[int] | None] = (None,)
    """Sent without the chat template; None: the inputs' own."""
    echo: bool = False
    prompt_only: bool = False
    """The answer, one token that the engine has to generate, is not part of the result."""
    response: dict[str, Any] | None = None
    """The body of a request for a response."""

    @property
    def sequences(self) -> int:
        return self.n * len(self.prompts)


def chat(body: dict[str, Any], defaults: Inputs) -> Call:
    """Raises InvalidInput."""
    given = known_fields(body, CHAT | _ChatOptions.model_fields.keys())
    if "messages" not in given:
        raise InvalidInput("`messages` is empty; add a message with role user.")
    options = shape.check(_CHAT, given)
    if options.top_logprobs and not options.logprobs:
        raise InvalidInput("`top_logprobs` requires `logprobs` to be true.")
    if not options.parallel_tool_calls and "tools" in given and given.get("tool_choice") in (None, "auto", "required"):
        raise InvalidInput("`parallel_tool_calls` must be true unless `tool_choice` names a function.")
    logprobs = options.top_logprobs if options.logprobs else None
    inputs = _inputs(given, defaults, CHAT, stream=options.stream, logprobs=logprobs)
    return Call(inputs, options.n, options.stream_options.include_usage)


def completion(body: dict[str, Any], defaults: Inputs) -> Call:
    """Raises InvalidInput."""
    given = known_fields(body, COMPLETION | _CompletionOptions.model_fields.keys())
    options = shape.check(_COMPLETION, given)
    if options.echo and "suffix" in given:
        raise InvalidInput("`echo` cannot be combined with `suffix`; remove one of them.")
    # The engine has to generate a token.
    prompt_only = options.echo and options.max_tokens == 0
    max_tokens = 1 if prompt_only else options.max_tokens
    own = {"max_tokens": max_tokens, "logprobs": options.logprobs, "stream": options.stream}
    inputs = _inputs(given, defaults, COMPLETION, **own)
    prompts = _prompts(body.get("prompt"))
    return Call(inputs, options.n, options.stream_options.include_usage, prompts, options.echo, prompt_only)


def known_fields(body: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Return the fields that are set. Raises InvalidInput for one that the route does not have."""
    given = {name: value for name, value in body.items() if value is not None and value not in ([], {})}
    known = known | FURTHER | {"model"}
    for name, value in given.items():
        if name in known or name in IGNORED:
            continue
        if value == NEUTRAL[name] if name in NEUTRAL else value is False:
            continue
        # No field is near to a NEUTRAL one: it has one value that is accepted.
        near = () if name in NEUTRAL else known
        fix = suggestion(RENAMED.get(name, name[:64]), near, cutoff=0.72)
        raise InvalidInput(f"{shape.code(name)} is not supported on this route; {fix}")
    return given


def _inputs(given: dict[str, Any], defaults: Inputs, names: Collection[str], **own: Any) -> Inputs:
    """`names`: of the inputs to take from `given`. Checks checks the types."""
    taken = DEFAULTS | {name: value for name, value in given.items() if name in names}
    if isinstance(taken.get("stop"), str):
        taken["stop"] = [taken["stop"]]
    if "tools" not in taken:
        taken.pop("tool_choice", None)
    further = {name: value for name, value in given.items() if name in FURTHER}
    return dataclasses.replace(defaults, **taken | own, sampling_params=further or None)


def _prompts(given: Any) -> list[str | list[int] | None]:
    """One text, one list of token ids, or a list of either."""
    prompts = given if isinstance(given, list) and not all(isinstance(item, int) for item in given) else [given]
    for prompt in prompts:
        if not isinstance(prompt, str | list):
            raise InvalidInput(
                f"`prompt` must be a text, a list of token ids, or a list of these, got {quote(prompt)}."
            )
    return prompts
