"""vLLM's engine: the only file besides openai_api/ that imports vLLM, so that an upgrade touches few files.

Written against vLLM 0.32: AsyncLLM, AsyncEngineArgs, SamplingParams, LoRARequest, its check of a grammar for xgrammar,
and its renderer, which tokenises off the event loop and whose rendered prompt `generate` wants.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.exceptions import GracefulHTTPError, VLLMClientError
from vllm.lora.request import LoRARequest
from vllm.outputs import CompletionOutput
from vllm.renderers.params import TokenizeParams
from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind, StructuredOutputsParams
from vllm.tracing import extract_trace_headers
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError
from vllm.v1.structured_output.backend_xgrammar import validate_xgrammar_grammar

from granite.engine import vllm_errors as reason
from granite.errors import (
    EngineDied,
    EngineError,
    InvalidInput,
    OperatorError,
    PromptTooLong,
    RequestError,
    SettingsError,
)
from granite.model.adapters import Adapter
from granite.output import logprobs
from granite.output.answer import Delta
from granite.request.control_tokens import END_OF_TEXT_ID
from granite.request.sampling import Sampling
from granite.request.structured_output import Guide


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A tokenised prompt; `rendered` is vLLM's own form of it."""

    tokens: int
    rendered: Any


class Engine:
    """A running AsyncLLM, which works only on the event loop that started it."""

    def __init__(self, llm: AsyncLLM, adapters: Sequence[Adapter] = ()) -> None:
        """`llm`: public for the files that import vLLM, and only for those."""
        self.llm = llm
        self.loras = {adapter.name: LoRARequest(adapter.name, adapter.id, str(adapter.path)) for adapter in adapters}
        """What requests may name."""

    @classmethod
    def start(cls, arguments: dict[str, Any], adapters: Sequence[Adapter] = ()) -> Engine:
        """Load the model; returns when it can answer. `adapters` are there after `load_adapters`.

        Raises SettingsError for an argument that vLLM does not have, OperatorError for one that it refuses.
        """
        known = [field.name for field in dataclasses.fields(AsyncEngineArgs)]
        for name in arguments.keys() - set(known):
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f": did you mean {nearest[0]}?" if nearest else "."
            raise SettingsError(f"ENGINE_ARGS names {name}, which is no engine argument of vLLM{hint}")
        try:
            llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments), usage_context=UsageContext.OPENAI_API_SERVER)
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            raise OperatorError(f"vLLM refuses to start: {' '.join(str(error).split())}") from error
        return cls(llm, adapters)

    async def load_adapters(self) -> None:
        """Raises OperatorError for one that vLLM refuses. Read by a request, it would end the engine."""
        for adapter in self.loras.values():
            try:
                await self.llm.add_lora(adapter)
            except Exception as error:  # what the engine's process raised comes as a plain Exception
                self.stop()
                raise OperatorError(
                    f"vLLM refuses the adapter {adapter.lora_path}: {reason.for_operator(error)}"
                ) from error

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its answer together."""
        return int(self.llm.model_config.max_model_len)

    @property
    def model(self) -> str:
        """The name that the model is served by."""
        return str(self.llm.model_config.served_model_name)

    @property
    def dead(self) -> bool:
        return self.llm.errored

    async def answer(self) -> None:
        """Returns when the engine's own process has answered; where it died, or its input is deaf, that may be never."""
        with contextlib.suppress(EngineDeadError):
            await self.llm.is_sleeping()

    async def tokenize(self, text: str, max_tokens: int) -> Prompt:
        """`max_tokens`: of the answer. Raises PromptTooLong where the prompt, or it and the answer asked for, exceed the context."""
        # A text far beyond any context takes seconds to tokenise: it is refused by its length.
        least = len(text) // self._longest_token
        if least >= self.context:
            raise PromptTooLong(_too_long(f"at least {least}", self.context))
        # The prompt format has put in every special token.
        parameters = TokenizeParams(max_total_tokens=None, add_special_tokens=False)
        (rendered,) = await self.llm.renderer.render_cmpl_async([{"prompt": text}], parameters)
        tokens = len(rendered["prompt_token_ids"])
        if tokens >= self.context:
            raise PromptTooLong(_too_long(str(tokens), self.context))
        if tokens + max_tokens > self.context:
            raise PromptTooLong(
                f"The prompt has {tokens} tokens and max_tokens is {max_tokens}, together above the model's "
                f"context of {self.context}: shorten the prompt or lower max_tokens to {self.context - tokens}."
            )
        return Prompt(tokens, rendered)

    def sampling_params(self, sampling: Sampling, guide: Guide | None = None, markers: bool = False) -> SamplingParams:
        """`guide`: what guides decoding. `markers`: keep special tokens in the text, for a parser that reads them."""
        fields = dataclasses.asdict(sampling)
        further = fields.pop("further")
        ends = [] if further.get("ignore_eos") else [END_OF_TEXT_ID]
        stop_token_ids = [*ends, *further.pop("stop_token_ids", [])]
        if "repetition_detection" in further:
            # As anything else it passes here and breaks the engine, which then answers nobody.
            further["repetition_detection"] = RepetitionDetectionParams(**further["repetition_detection"])
        try:
            return SamplingParams(
                **{**fields, "stop": list(sampling.stop), **further},
                stop_token_ids=stop_token_ids,
                skip_special_tokens=not markers,
                structured_outputs=StructuredOutputsParams(**guide) if guide else None,
                output_kind=RequestOutputKind.DELTA,
            )
        except (VLLMClientError, ValueError) as error:
            raise InvalidInput(f"vLLM refuses the sampling parameters: {reason.for_caller(error)}") from None

    def refusal(self, guide: Guide) -> str | None:
        """Why guided decoding cannot take a grammar; None where it can."""
        try:
            validate_xgrammar_grammar(SamplingParams(structured_outputs=StructuredOutputsParams(**guide)))
        except Exception as error:  # the grammar's compiler raises its own kinds, and so does a recursive schema
            return reason.for_caller(error)
        return None

    async def generate(
        self,
        prompt: Prompt,
        params: SamplingParams,
        request_id: str,
        adapter: str | None = None,
        context: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Delta]:
        """Text as it is generated, by the adapter of this name if there is one.

        `context`: of the request; its `traceparent` and `tracestate` continue a trace where vLLM is told of a collector.
        Closing or canceling it aborts the request in the engine. Raises EngineError.
        """
        tracing = self.llm.observability_config.otlp_traces_endpoint is not None
        trace = extract_trace_headers(context) if tracing and context else None
        lora = self.loras[adapter] if adapter else None
        try:
            async for output in self.llm.generate(
                prompt.rendered, params, request_id, lora_request=lora, trace_headers=trace
            ):
                completion = output.outputs[0]
                if completion.finish_reason in ("error", "abort"):
                    raise EngineGenerateError
                yield Delta(
                    completion.text,
                    len(completion.token_ids),
                    completion.finish_reason,
                    _logprobs(completion, params.logprobs),
                )
        except EngineDeadError:
            raise EngineDied from None
        except EngineGenerateError:
            raise EngineError("The engine could not finish this request: the server's own log says why.") from None
        except (VLLMClientError, GracefulHTTPError) as error:
            raise RequestError(f"vLLM refuses the request: {reason.for_caller(error)}") from None

    def stop(self) -> None:
        self.llm.shutdown()

    @property
    def _longest_token(self) -> int:
        """Characters that one token stands for at most."""
        return int(self.llm.renderer.get_tokenizer().max_chars_per_token)


def _too_long(tokens: str, context: int) -> str:
    return f"The prompt has {tokens} tokens, but the model's context holds {context}, answer included: shorten it."


def _logprobs(completion: CompletionOutput, most: int | None) -> tuple[dict[str, Any], ...]:
    if most is None or completion.logprobs is None:
        return ()
    return logprobs.content(completion.token_ids, completion.logprobs, most, completion.finish_reason == "stop")
