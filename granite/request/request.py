"""One checked request: everything that the engine and the output need to know."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from granite.errors import InvalidInput
from granite.request import controls, sampling, shape, size, structured_output
from granite.request import conversation as conversations
from granite.request.conversation import Conversation
from granite.request.inputs import Inputs
from granite.request.structured_output import Guide

_INPUTS = TypeAdapter(Inputs)


@dataclass(frozen=True)
class Request:
    """`sampling`: fields of vLLM's SamplingParams. `guide`: what constrains the output. `adapter`: None, the model alone."""

    inputs: Inputs
    conversation: Conversation
    sampling: dict[str, Any]
    guide: Guide | None
    adapter: str | None

    @property
    def chat(self) -> bool:
        return self.inputs.chat

    @property
    def stream(self) -> bool:
        return self.inputs.stream

    @property
    def max_tokens(self) -> int | None:
        """None: as many as fit."""
        return self.sampling.get("max_tokens")

    @property
    def parsed(self) -> bool:
        """Whether a parser reads the answer's special tokens: those of tool calls and citations."""
        return self.chat and (self.conversation.tools.callable or self.conversation.controls.grounded)


class Checks:
    """`adapters`: names of the server's. `trust_chat_template`: whether a request may bring its own."""

    def __init__(self, adapters: Collection[str], *, trust_chat_template: bool) -> None:
        self._adapters = adapters
        self._trust_chat_template = trust_chat_template

    def request(self, inputs: Inputs, *, verbatim: str | list[int] | None = None) -> Request:
        """Check the types, as Cog's schema does, then the inputs in their order. Raises InvalidInput for the first fault.

        An input's other name is checked with it. `verbatim`: the prompt of /v1/completions, a text or token ids, sent
        without the chat template; `inputs.prompt` is then empty.
        """
        size.check(inputs)
        inputs = controls.merged(shape.check(_INPUTS, inputs))
        sent = conversations.verbatim(inputs, verbatim)
        conversations.check_text(inputs, "system_prompt")
        basic = sampling.basic(inputs)
        conversation = conversations.read(inputs, sent)
        response = structured_output.of_response_format(inputs, conversation.tools)
        conversations.check_controls(inputs)
        conversations.check_text(inputs, "suffix")
        if verbatim is None:
            conversations.check_place(inputs, "logprobs")
        further, constraints = sampling.further(inputs)
        guide = structured_output.guide(response, conversation, constraints, further)
        if inputs.adapter is not None and inputs.adapter not in self._adapters:
            has = ", ".join(self._adapters) or "none (ADAPTERS is not set)"
            raise InvalidInput(f"Unknown adapter {shape.code(inputs.adapter)}: this server has {has}.")
        conversations.check_template(inputs, trusted=self._trust_chat_template)
        return Request(inputs, conversation, conversation.tools.biased(basic | further), guide, inputs.adapter)
