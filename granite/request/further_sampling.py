"""What vLLM samples by and no input of its own stands for: the fields of `sampling_params`, by vLLM's names."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from granite.request.faults import INT64_MAX, Faults, shown
from granite.request.inputs import Inputs

GUIDES = ("regex", "choice", "grammar", "structural_tag")
"""The fields of vLLM's StructuredOutputsParams that response_format does not stand for."""

NOT_OFFERED = {
    "n": "a request has one answer",
    "detokenize": "an answer is text",
    "skip_special_tokens": "an answer holds none",
    "spaces_between_special_tokens": "an answer holds none",
    "output_kind": "stream decides it",
    "prompt_logprobs": "an answer has no place for them",
    "prompt_logprob_token_ids": "an answer has no place for them",
    "prompt_logprob_start": "an answer has no place for them",
    "logprob_token_ids": "an answer has no place for them",
    "flat_logprobs": "it changes what the engine returns, not the answer",
    "skip_clone": "it is the engine's own",
    "output_text_buffer_length": "it is the engine's own",
    "extra_args": "no plug-in of this server reads them",
    "watermarking": "this server marks no answers",
    "thinking_token_budget": "Granite's thoughts have no token of their own to count from",
    "routed_experts_prompt_start": "this model has no experts",
    "trace_decode_token_ids": "it replaces sampling",
}
"""Fields of vLLM's SamplingParams that a request cannot set, and why."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=INT64_MAX)]
TokenIds = Annotated[list[Whole], Field(min_length=1)]
Word = Annotated[str, Field(min_length=1)]
Words = Annotated[list[Word], Field(min_length=1)]

MOST_BAD_WORDS = 128
"""vLLM takes no more."""


def _keys_as_numbers(value: object) -> object:
    """JSON's keys are texts."""
    if not isinstance(value, dict):
        return value
    return {int(key) if isinstance(key, str) and key.isdecimal() else key: bias for key, bias in value.items()}


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class RepetitionDetection(_Strict):
    """Ends an answer that repeats itself. Sizes in tokens."""

    max_pattern_size: Annotated[Whole, Field(ge=1)]
    min_pattern_size: Whole = 0
    min_count: Annotated[Whole, Field(ge=2)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_pattern_size > self.max_pattern_size:
            raise ValueError("min_pattern_size must be at most max_pattern_size")
        return self


class FurtherSampling(_Strict):
    logit_bias: Annotated[
        dict[Whole, Annotated[float, Field(ge=-100, le=100)]] | None, BeforeValidator(_keys_as_numbers)
    ] = None
    bad_words: Annotated[list[Word], Field(min_length=1, max_length=MOST_BAD_WORDS)] | None = None
    ignore_eos: bool = False
    allowed_token_ids: TokenIds | None = None
    stop_token_ids: TokenIds | None = None
    include_stop_str_in_output: bool = False
    repetition_detection: RepetitionDetection | None = None
    stream_interval: Annotated[Whole, Field(ge=1)] | None = None
    skip_reading_prefix_cache: bool | None = None
    regex: Annotated[str, Field(min_length=1)] | None = None
    choice: Words | None = None
    grammar: Annotated[str, Field(min_length=1)] | None = None
    structural_tag: Annotated[str, Field(min_length=1)] | None = None

    @property
    def sampled(self) -> dict[str, Any]:
        """What was set of SamplingParams' own fields."""
        return self.model_dump(exclude_unset=True, exclude=set(GUIDES))

    @property
    def guide(self) -> dict[str, Any]:
        """What was set of StructuredOutputsParams' fields."""
        return self.model_dump(exclude_unset=True, include=set(GUIDES))

    @classmethod
    def checked(cls, faults: Faults, inputs: Inputs) -> FurtherSampling:
        """`structured_outputs` may hold what guides an answer, as in vLLM, or it stands beside the other fields."""
        given = _set(inputs.sampling_params or {})
        guides = given.pop("structured_outputs", {})
        if not isinstance(guides, dict):
            faults.add("sampling_params", f"sampling_params.structured_outputs must be an object, got {shown(guides)}.")
            guides = {}
        for name in given.keys() & guides.keys():
            faults.add(
                "sampling_params", f"sampling_params sets {name} twice, also in structured_outputs: leave one out."
            )
        given |= _set(guides)
        for name in [name for name in given if name not in cls.model_fields]:
            faults.add("sampling_params", f"sampling_params cannot set {shown(name)}: {_why(name, inputs)}")
            del given[name]
        try:
            return cls(**given)
        except ValidationError as error:
            for fault in error.errors():
                # Pydantic names a dictionary's key, a list's position and a union's member by further parts.
                faults.add("sampling_params", f"sampling_params.{fault['loc'][0]} is refused: {fault['msg']}.")
            return cls()


def _set(given: dict[str, Any]) -> dict[str, Any]:
    """Without nulls, vLLM's word for what is not set."""
    return {name: value for name, value in given.items() if value is not None}


def _why(name: str, inputs: Inputs) -> str:
    if name in NOT_OFFERED:
        return f"{NOT_OFFERED[name]}."
    if name in ("json", "json_object"):
        return "response_format does."
    if name in vars(inputs):
        return f"the input {name} does."
    nearest = difflib.get_close_matches(name, [*FurtherSampling.model_fields, *vars(inputs)], n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"it can set {', '.join(FurtherSampling.model_fields)}."
