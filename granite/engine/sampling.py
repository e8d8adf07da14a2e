"""A request's sampling as vLLM's SamplingParams, converted and verified by vLLM's own code.

Written against vLLM 0.32: SamplingParams is a msgspec struct, and its `verify` includes the check of a grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from vllm import SamplingParams
from vllm.exceptions import VLLMClientError
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from granite.engine import vllm_errors
from granite.errors import InvalidInput
from granite.request.control_tokens import END_OF_TEXT_ID
from granite.request.request import Request

WRONG_TYPE = re.compile(r"Expected `(.+)`, got `(.+)` - at (?:`key` in )?`\$\.(.+)`")
"""msgspec's message: the expected type, the type that came, and where."""


def sampling_params(request: Request, room: int, verify: Callable[[SamplingParams], None]) -> SamplingParams:
    """`room`: tokens that fit after the prompt. `verify`: raises what vLLM refuses. Raises InvalidInput."""
    fields: dict[str, Any] = {"max_tokens": room, **request.sampling, "skip_special_tokens": not request.parsed}
    stop_token_ids = fields.pop("stop_token_ids", None) or []
    ends = [] if fields.get("ignore_eos") else [END_OF_TEXT_ID]
    # A wrong type is vLLM's to refuse.
    fields["stop_token_ids"] = [*ends, *stop_token_ids] if isinstance(stop_token_ids, list) else stop_token_ids
    try:
        params = msgspec.convert(fields, SamplingParams, strict=False, str_keys=True)
        params.output_kind = RequestOutputKind.DELTA
        verify(params)
    except msgspec.ValidationError as error:
        raise InvalidInput(WRONG_TYPE.sub(r"`\3` must be of type \1, got \2.", str(error))) from None
    except (VLLMClientError, ValueError, OverflowError) as error:
        raise InvalidInput(vllm_errors.for_caller(error)) from None
    if request.guide is not None:
        try:
            params.structured_outputs = StructuredOutputsParams(**{request.guide.field: request.guide.value})
            verify(params)
        except Exception as error:  # xgrammar raises its own kinds, and so does a recursive schema
            reason = vllm_errors.for_caller(error)
            raise InvalidInput(f"`{request.guide.source}` cannot be enforced by guided decoding: {reason}") from None
    return params
