"""vLLM's engine behind the few methods that the rest of this package uses.

Written against vLLM 0.32: AsyncLLM, AsyncEngineArgs, and its renderer, which tokenizes off the event loop and whose
rendered prompt `generate` wants.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Self

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.exceptions import GracefulHTTPError, VLLMClientError
from vllm.lora.request import LoRARequest
from vllm.outputs import RequestOutput
from vllm.platforms import current_platform
from vllm.renderers.params import TokenizeParams
from vllm.tracing import extract_trace_headers
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from granite.engine import engine_args, limits, loras, sampling, vllm_errors
from granite.engine.capacity import Capacity
from granite.engine.grammar import GrammarCheck
from granite.errors import EngineDied, EngineError, InvalidInput, OperatorError, PromptTooLong, RequestError
from granite.model.adapters import Adapter
from granite.output import logprobs
from granite.output.answer import Delta
from granite.request.request import Request

TOO_LONG = "The prompt has {} tokens, but the model's context holds {}, answer included; shorten the prompt."


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A tokenized prompt; `rendered` is vLLM's own form of it."""

    token_ids: list[int]
    rendered: Any

    @property
    def tokens(self) -> int:
        return len(self.token_ids)


class Engine:
    """A running AsyncLLM, which works only on the event loop that started it."""

    def __init__(self, llm: AsyncLLM, adapters: dict[str, LoRARequest]) -> None:
        self._llm = llm
        self._loras = adapters
        self.model = str(llm.model_config.served_model_name)
        """The name that the model is served by."""
        self.adapters: Collection[str] = adapters.keys()
        self.context_length = int(llm.model_config.max_model_len)
        """Most tokens of a prompt and its answer together."""
        self._vocabulary = int(llm.model_config.get_vocab_size())
        compact = llm.vllm_config.structured_outputs_config.disable_any_whitespace
        self._grammars = GrammarCheck(llm.model_config.model, self._vocabulary, compact=compact)

    @classmethod
    async def start(
        cls, arguments: dict[str, Any], adapters: Sequence[Adapter] = (), *, log_prompts: bool = True
    ) -> Self:
        """Load the model and its adapters; return when it can answer. Raises OperatorError."""
        engine_args.check_names(arguments, [field.name for field in dataclasses.fields(AsyncEngineArgs)])
        loras.check(adapters)
        if not log_prompts:
            from granite.engine.quiet_logging import QuietLogging

            arguments = arguments | {"logging_config": QuietLogging()}
        try:
            llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments), usage_context=UsageContext.OPENAI_API_SERVER)
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            raise OperatorError(f"vLLM refuses to start: {vllm_errors.for_operator(error)}") from error
        return cls(llm, await loras.load(llm, adapters))

    def capacity(self) -> Capacity:
        return Capacity.of(self._llm.vllm_config)

    @property
    def dead(self) -> bool:
        return self._llm.errored

    async def ping(self) -> None:
        """May never return if the engine hangs: use a timeout."""
        with contextlib.suppress(EngineDeadError):
            await self._llm.is_sleeping()

    def stop(self) -> None:
        self._grammars.stop()
        self._llm.shutdown()

    async def tokenize(self, prompt: str | list[int], max_tokens: int | None) -> Prompt:
        """`max_tokens`: of the answer; None: as many as fit. Raises PromptTooLong, InvalidInput."""
        # Refused by its length: a text far beyond any context takes seconds to tokenize.
        per_token = self._llm.renderer.get_tokenizer().max_chars_per_token if isinstance(prompt, str) else 1
        least = len(prompt) // per_token
        if least >= self.context_length:
            raise PromptTooLong(TOO_LONG.format(f"at least {least}", self.context_length))
        if isinstance(prompt, list):
            limits.check_vocabulary("prompt", prompt, self._vocabulary)
        # The prompt template has put in every special token.
        parameters = TokenizeParams(max_total_tokens=None, add_special_tokens=False)
        parsed = {"prompt": prompt} if isinstance(prompt, str) else {"prompt_token_ids": prompt}
        (rendered,) = await self._llm.renderer.render_cmpl_async([parsed], parameters)  # type: ignore[list-item]
        token_ids: list[int] = rendered["prompt_token_ids"]
        tokens = len(token_ids)
        if tokens >= self.context_length:
            raise PromptTooLong(TOO_LONG.format(tokens, self.context_length))
        if max_tokens is not None and tokens + max_tokens > self.context_length:
            raise PromptTooLong(
                f"The prompt has {tokens} tokens and max_tokens is {max_tokens}, together above the model's context of "
                f"{self.context_length}; shorten the prompt or lower max_tokens to {self.context_length - tokens}."
            )
        return Prompt(token_ids, rendered)

    def decode(self, token_ids: list[int]) -> str:
        return str(self._llm.renderer.get_tokenizer().decode(token_ids))

    async def sampling_params(self, request: Request, prompt: Prompt) -> SamplingParams:
        """Raises InvalidInput for what vLLM refuses."""
        if request.guide is not None:
            await self._grammars.check(request.guide)
        config, tokenizer = self._llm.vllm_config, self._llm.renderer.get_tokenizer()
        models = (config.model_config, config.speculative_config, config.structured_outputs_config)
        room = self.context_length - prompt.tokens
        if (alternatives := request.sampling.get("prompt_logprobs")) is not None:
            limits.check_scored(prompt.tokens, alternatives)
        if self._loras and current_platform.is_cpu() and "prompt_logprobs" in request.sampling:
            # vLLM 0.32's LoRA for a CPU expects one row of logits for each request of the batch, and ends otherwise.
            raise InvalidInput(
                "`echo` with `logprobs` is not supported on a CPU with LoRA adapters; remove one of them."
            )

        def verify(params: SamplingParams) -> None:
            for name in ("allowed_token_ids", "logit_bias", "stop_token_ids"):
                limits.check_vocabulary(name, getattr(params, name) or (), self._vocabulary)
            params.verify(*models, tokenizer)
            # vLLM adds the end of text and tokenizes bad words only when the request is sent, but limits count them.
            inputs = self._llm.input_processor
            params.update_from_generation_config(inputs.generation_config_fields, inputs.renderer.get_eos_token_id())
            params.update_from_tokenizer(tokenizer)

        if request.guide is None:
            return sampling.sampling_params(request, room, verify)
        # vLLM parses the grammar once more.
        return await asyncio.to_thread(sampling.sampling_params, request, room, verify)

    async def generate(
        self,
        prompt: Prompt,
        params: SamplingParams,
        request_id: str,
        adapter: str | None = None,
        trace_headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Delta]:
        """Generate the answer; closing the generator aborts it. Raises EngineError, and RequestError if vLLM refuses it.

        `trace_headers`: `traceparent` and `tracestate`, which continue a trace if vLLM exports traces.
        """
        tracing = self._llm.observability_config.otlp_traces_endpoint is not None
        outputs = self._llm.generate(
            prompt.rendered,
            params,
            request_id,
            lora_request=self._loras[adapter] if adapter else None,
            trace_headers=extract_trace_headers(trace_headers) if tracing and trace_headers else None,
        )
        try:
            async for output in outputs:
                yield self._delta(output, params, prompt)
        except EngineDeadError:
            raise EngineDied from None
        except EngineGenerateError:
            raise EngineError("The engine could not finish this request; the server's log says why.") from None
        except (VLLMClientError, GracefulHTTPError) as error:
            kind = RequestError if isinstance(error, VLLMClientError) else EngineError
            raise kind(f"vLLM refuses the request: {vllm_errors.for_caller(error)}") from None

    def _delta(self, output: RequestOutput, params: SamplingParams, prompt: Prompt) -> Delta:
        completion = output.outputs[0]
        if completion.finish_reason in ("error", "abort"):
            raise EngineGenerateError
        # vLLM gives the prompt's once, with the first token.
        of_prompt = output.prompt_logprobs or None
        return Delta(
            text=completion.text,
            tokens=len(completion.token_ids),
            finish_reason=completion.finish_reason,
            logprobs=logprobs.content(completion, params.logprobs),
            prompt_logprobs=logprobs.prompt_content(prompt.token_ids, of_prompt, params.prompt_logprobs, self.decode),
        )
