"""A request's sampling as vLLM's SamplingParams, converted and verified by vLLM's own code.

Written against vLLM 0.32: SamplingParams is a msgspec struct, and its `verify` includes the check of a grammar.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from vllm import SamplingParams
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from granite.engine import limits, vllm_errors
from granite.errors import InvalidInput
from granite.request.control_tokens import END_OF_TEXT_ID
from granite.request.request import Request

WRONG_TYPE = re.compile(r"Expected `(.+)`, got `(.+)` - at (?:`key` in )?`\$\.(.+)`")
"""msgspec's message: the expected type, the type that came, and where."""


def sampling_params(request: Request, room: int, verify: Callable[[SamplingParams], None]) -> SamplingParams:
    """`room`: tokens that fit after the prompt. `verify`: raises what vLLM refuses. Raises InvalidInput."""
    fields: dict[str, Any] = {"max_tokens": room, **request.sampling, "skip_special_tokens": not request.parsed}
    stop_token_ids = fields.get("stop_token_ids") or []
    if isinstance(stop_token_ids, list) and not fields.get("ignore_eos"):
        fields["stop_token_ids"] = [END_OF_TEXT_ID, *stop_token_ids]
    prefix = ""
    try:
        params = msgspec.convert(fields, SamplingParams, strict=False, str_keys=True)
        params.output_kind = RequestOutputKind.DELTA
        verify(params)
        if request.guide is not None:
            prefix = f"`{request.guide.source}` cannot be enforced by guided decoding: "
            params.structured_outputs = StructuredOutputsParams(**{request.guide.field: request.guide.value})
            verify(params)
    except Exception as error:  # msgspec, vLLM and xgrammar each raise their own kinds, and so does a recursive schema
        reason = WRONG_TYPE.sub(r"`\3` must be of type \1, got \2", vllm_errors.for_caller(error))
        raise InvalidInput(prefix + reason) from None
    limits.check(params, forbids_calls=request.conversation.tools.forbidden)
    return params
