"""A request of the OpenAI API becomes Granite's prompt by the rules of Cog's door. Imports vLLM.

Written against vLLM 0.32: OnlineRenderer is what its server checks and tokenises a request with.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.exceptions import QueueOverflowError, VLLMClientError
from vllm.renderers.online_renderer import OnlineRenderer
from vllm.sampling_params import StructuredOutputsParams

from granite.engine.engine import Engine
from granite.errors import RequestError
from granite.openai_api import as_chat, asked
from granite.openai_api.places import Full
from granite.output import output
from granite.request import control_tokens, fill_in_the_middle
from granite.request import structured_output as guide
from granite.request.conversation import Conversation
from granite.request.faults import Faults
from granite.request.further_sampling import FurtherSampling
from granite.request.inputs import RAW_START, Inputs
from granite.request.prompt import PromptFormat

NOWHERE = (
    *("ec_transfer_params", "kv_transfer_params", "media_io_kwargs", "mm_processor_kwargs", "vllm_xargs"),
    # vLLM's beam search leaves out every guide and every bias.
    "use_beam_search",
)
"""Fields of vLLM's that no route takes."""

NOT_IN_A_CHAT = (
    *("add_special_tokens", "continue_final_message", "echo", "truncate_prompt_tokens", "truncation_side"),
    *("reasoning_effort", "function_call", "functions"),
    *("adapter", "prompt", "sampling_params", "suffix", "system_prompt"),
)
"""Fields that Granite's prompt has no place for, and names of Cog's inputs and of OpenAI's past for what has another."""

NOT_IN_RESPONSES = (
    *("previous_input_messages", "reasoning", "truncation"),
    *("chat_template", "max_completion_tokens", "max_tokens", "messages", "response_format"),
    *("adapter", "prompt", "sampling_params", "suffix", "system_prompt"),
)
"""The same, of the Responses API."""

LISTS = ("messages", "tools", "documents")


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
        body = asked.current.get().body
        rendered = await self._rendered(
            request,
            NOT_IN_A_CHAT,
            messages=body.get("messages"),
            tools=body.get("tools"),
            tool_choice=body.get("tool_choice") if body.get("tools") else None,
            response_format=body.get("response_format"),
            documents=body.get("documents"),
            chat_template=body.get("chat_template"),
            add_generation_prompt=request.add_generation_prompt,
            max_tokens=request.max_completion_tokens or request.max_tokens or 1,
        )
        request.response_format = None
        return [], [rendered]

    async def render_responses(self, request: ResponsesRequest, **_: Any) -> Any:
        """The prompt of /v1/responses. Raises VLLMClientError."""
        body = asked.current.get().body
        messages = as_chat.messages(body)
        rendered = await self._rendered(
            request,
            NOT_IN_RESPONSES,
            messages=messages,
            tools=as_chat.tools(body),
            tool_choice=as_chat.tool_choice(body),
            response_format=as_chat.response_format(body),
            documents=body.get("documents"),
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
        faults = Faults(["prompt", "suffix", *NOWHERE])
        _refuse(faults, NOWHERE)
        for text in texts:
            if not text.startswith(RAW_START):
                control_tokens.refuse(faults, "prompt", text)
            if request.suffix is not None:
                fill_in_the_middle.check(faults, text, request.suffix)
        control_tokens.refuse(faults, "suffix", request.suffix)
        _check(faults)
        if request.suffix is not None and len(texts) == len(prompts):
            request.prompt = [fill_in_the_middle.formatted(text, request.suffix) for text in texts]
            request.suffix = None
        # A list of numbers is one prompt of token ids.
        _hold(request, 1 if prompts and isinstance(prompts[0], int) else max(1, len(prompts)))
        return await super().render_completion(request, **named)

    async def _rendered(self, request: Any, refused: tuple[str, ...], max_tokens: int, **given: Any) -> Any:
        for name in LISTS:
            if not isinstance(given[name] or [], list) or any(not isinstance(one, dict) for one in given[name] or []):
                raise VLLMClientError(f"{name} must be a list of objects.")
        if not given["messages"]:
            raise VLLMClientError("messages is empty: give the turn of a user.")
        switches = as_chat.switches(asked.current.get().body)
        inputs = dataclasses.replace(self._defaults, **given, chat_template_kwargs=switches)
        # A Responses request names some of them otherwise.
        faults = Faults(dict.fromkeys([*vars(inputs), *NOWHERE, *refused, "structured_outputs"]))
        _refuse(faults, (*NOWHERE, *refused))
        conversation = Conversation.checked(faults, inputs, self._trust_template)
        further = FurtherSampling.checked(faults, inputs)
        guided = guide.checked(faults, inputs, conversation, further, self._engine.refusal)
        if guided and request.structured_outputs is not None:
            faults.add(
                "structured_outputs", "structured_outputs must be left out where another field guides the answer."
            )
        _check(faults)
        _hold(request, 1)
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


def _refuse(faults: Faults, names: tuple[str, ...]) -> None:
    body = asked.current.get().body
    for name in names:
        # What OpenAI's own clients send by default asks for nothing.
        if body.get(name) and body[name] != "disabled":
            faults.add(name, f"{name} is not one that this route takes: leave it out.")


def _check(faults: Faults) -> None:
    try:
        faults.check()
    except RequestError as error:
        raise VLLMClientError(str(error)) from None


def _hold(request: Any, prompts: int) -> None:
    """Places for all that the request asks for."""
    answers = getattr(request, "n", None)
    answers = 1 if answers is None else answers
    if answers < 1:
        raise VLLMClientError(f"n must be at least 1, got {answers}.")
    places = asked.current.get().places
    if answers * prompts > places.most:
        raise VLLMClientError(
            f"The request asks for {answers * prompts} answers, but the server generates at most {places.most} at once: "
            "lower n, or send fewer prompts."
        )
    try:
        places.hold(answers * prompts)
    except Full:
        raise QueueOverflowError from None
