"""A request of the OpenAI API becomes Granite's prompt by the rules of Cog's door. Imports vLLM.

Written against vLLM 0.32: OnlineRenderer is what its server checks and tokenises a request with.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic_core import to_jsonable_python
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.entrypoints.openai.responses.utils import construct_input_messages, construct_tool_dicts
from vllm.exceptions import QueueOverflowError, VLLMClientError
from vllm.renderers.online_renderer import OnlineRenderer
from vllm.sampling_params import StructuredOutputsParams

from granite.engine import Engine
from granite.errors import RequestError
from granite.openai_api import as_chat, asked
from granite.openai_api.places import Full
from granite.output import output
from granite.request import control_tokens, fill_in_the_middle, guide
from granite.request.conversation import Conversation
from granite.request.faults import Faults
from granite.request.further_sampling import FurtherSampling
from granite.request.inputs import RAW_START, Inputs
from granite.request.prompt_format import PromptFormat

NOT_OFFERED = (
    *("add_special_tokens", "continue_final_message", "echo", "truncate_prompt_tokens", "truncation_side"),
    *("media_io_kwargs", "mm_processor_kwargs", "kv_transfer_params", "ec_transfer_params", "vllm_xargs"),
    *("reasoning_effort", "adapter"),
)
"""Fields of vLLM's chat requests that Granite's prompt format has no place for, or that another field stands for."""


class GraniteRenderer(OnlineRenderer):
    """Checks and renders what the second door is asked."""

    def __init__(self, engine: Engine, prompt_format: PromptFormat, defaults: Inputs, trust_template: bool) -> None:
        """`defaults`: of predict()'s inputs. `trust_template`: whether a request may bring its own."""
        super().__init__(
            engine.llm.model_config,
            engine.llm.renderer,
            request_logger=None,
            chat_template=None,
            chat_template_content_format="auto",
        )
        self._engine = engine
        self._prompt_format = prompt_format
        self._defaults = defaults
        self._trust_template = trust_template

    def validate_chat_template(self, *arguments: Any, **named: Any) -> None:
        """Nothing: the conversation's own check says it in the words of both doors."""

    async def render_chat(self, request: ChatCompletionRequest, **_: Any) -> tuple[list[Any], list[Any]]:
        """The prompt of /v1/chat/completions. Raises VLLMClientError."""
        fields = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
        rendered = await self._rendered(
            request,
            fields,
            messages=fields["messages"],
            tools=fields.get("tools"),
            tool_choice=fields.get("tool_choice") if fields.get("tools") else None,
            response_format=fields.get("response_format"),
            documents=fields.get("documents"),
            chat_template=fields.get("chat_template"),
            add_generation_prompt=request.add_generation_prompt,
            max_tokens=request.max_completion_tokens or request.max_tokens or 1,
        )
        request.response_format = None
        return [], [rendered]

    async def render_responses(self, request: ResponsesRequest, **_: Any) -> Any:
        """The prompt of /v1/responses. Raises VLLMClientError."""
        fields = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
        messages = construct_input_messages(request_instructions=request.instructions, request_input=request.input)
        rendered = await self._rendered(
            request,
            fields,
            messages=[as_chat.message(message) for message in to_jsonable_python(messages)],
            tools=[as_chat.tool(tool) for tool in construct_tool_dicts(request.tools, request.tool_choice) or []],
            tool_choice=as_chat.tool_choice(fields.get("tool_choice")) if request.tools else None,
            response_format=as_chat.response_format((fields.get("text") or {}).get("format")),
            max_tokens=request.max_output_tokens or 1,
        )
        if request.structured_outputs is not None:
            # Theirs would be a second guide.
            request.text = None
        return self._responses_render_result(messages, [rendered])

    async def render_completion(self, request: CompletionRequest, **named: Any) -> Any:
        """The prompts of /v1/completions, which go past the chat template. Raises VLLMClientError."""
        prompts = request.prompt if isinstance(request.prompt, list) else [request.prompt]
        texts = [prompt for prompt in prompts if isinstance(prompt, str)]
        faults = Faults(["prompt", "suffix"])
        for text in texts:
            if not text.startswith(RAW_START):
                control_tokens.refuse(faults, "prompt", text)
            if request.suffix is not None:
                fill_in_the_middle.check(faults, text, request.suffix)
        control_tokens.refuse(faults, "suffix", request.suffix)
        self._check(faults)
        if request.suffix is not None and len(texts) == len(prompts):
            request.prompt = [fill_in_the_middle.formatted(text, request.suffix) for text in texts]
            request.suffix = None
        # A list of numbers is one prompt of token ids.
        self._hold((request.n or 1) * (1 if prompts and isinstance(prompts[0], int) else max(1, len(prompts))))
        return await super().render_completion(request, **named)

    async def _rendered(self, request: Any, fields: dict[str, Any], max_tokens: int, **given: Any) -> Any:
        inputs = dataclasses.replace(self._defaults, **given, chat_template_kwargs=as_chat.switches(fields))
        if not inputs.messages:
            raise VLLMClientError("messages is empty: give the turn of a user.")
        faults = Faults([*vars(inputs), *NOT_OFFERED, "structured_outputs"])
        for name in NOT_OFFERED:
            if fields.get(name):
                faults.add(name, f"{name} is not one that this server takes: leave it out.")
        conversation = Conversation.checked(faults, inputs, self._trust_template)
        further = FurtherSampling.checked(faults, inputs)
        guided = guide.checked(faults, inputs, conversation, further, self._engine.refusal)
        if guided and request.structured_outputs is not None:
            faults.add(
                "structured_outputs", "structured_outputs must be left out where another field guides the answer."
            )
        self._check(faults)
        self._hold(getattr(request, "n", None) or 1)
        try:
            prompt = await self._engine.tokenize(self._prompt_format.format(conversation), max_tokens)
        except RequestError as error:
            raise VLLMClientError(str(error)) from None
        asked.current.get().conversation = conversation
        if guided:
            request.structured_outputs = StructuredOutputsParams(**guided)
        if conversation.tools.bias:
            request.logit_bias = {str(token): bias for token, bias in conversation.tools.bias.items()} | (
                request.logit_bias or {}
            )
        if output.needs_markers(inputs, conversation):
            request.skip_special_tokens = False
        if request.cache_salt is not None:
            prompt.rendered["cache_salt"] = request.cache_salt
        return prompt.rendered

    @staticmethod
    def _check(faults: Faults) -> None:
        try:
            faults.check()
        except RequestError as error:
            raise VLLMClientError(str(error)) from None

    @staticmethod
    def _hold(sequences: int) -> None:
        places = asked.current.get().places
        if sequences > places.most:
            raise VLLMClientError(
                f"The request asks for {sequences} answers, but the server generates at most {places.most} at once: "
                "lower n, or send fewer prompts."
            )
        try:
            places.hold(sequences)
        except Full:
            raise QueueOverflowError from None
