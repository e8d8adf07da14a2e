"""One checked request: everything that the engine and the output need to know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from granite.errors import InvalidInput
from granite.request import conversation as conversations
from granite.request import sampling, shape, structured_output
from granite.request.conversation import Conversation, check_place
from granite.request.inputs import Inputs
from granite.request.structured_output import Guide


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
        inputs = inputs.typed()
        conversations.check_prompt(inputs, verbatim)
        fields = sampling.basic(inputs)
        conversation = conversations.read(inputs, verbatim)
        schema = structured_output.response_schema(inputs, conversation.tools)
        conversations.check_controls(inputs, conversation)
        conversations.check_suffix(inputs)
        if verbatim is None:
            check_place(inputs, "logprobs")
        fields |= sampling.logprobs(inputs)
        more, constraints = sampling.further(inputs)
        guide = structured_output.guide(conversation.tools, schema, constraints, more)
        self._check_adapter(inputs.adapter)
        conversation = conversations.templated(inputs, conversation, trusted=self._trust_chat_template)
        if guide is not None and conversation.controls.thinking:
            guide = guide.after_thoughts()
        return Request(inputs, conversation, _merged(fields, more, conversation.tools.bias), guide, inputs.adapter)

    def _check_adapter(self, name: str | None) -> None:
        if name is None or name in self._adapters:
            return
        has = ", ".join(self._adapters) or "none (ADAPTERS is not set)"
        raise InvalidInput(f"Unknown adapter {shape.code(name)}: this server has {has}.")


def _merged(fields: dict[str, Any], more: dict[str, Any], bias: dict[str, float]) -> dict[str, Any]:
    own = more.get("logit_bias", {})
    # A bias that is not an object is vLLM's to refuse.
    return {**fields, **more, **({"logit_bias": own | bias} if bias and isinstance(own, dict) else {})}
