"""What the model is to answer: a prompt, a hole to fill or a chat, with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from granite.request import control_tokens, documents, fill_in_the_middle, messages
from granite.request.controls import Controls
from granite.request.faults import Faults
from granite.request.inputs import RAW_START, Inputs
from granite.request.tools import Tools

OF_THE_TEMPLATE = (
    *("system_prompt", "thinking", "documents", "length", "originality"),
    *("chat_template", "chat_template_kwargs", "add_generation_prompt"),
)
"""Inputs that the chat template renders: a prompt that goes past it cannot carry them."""

OF_A_CHAT = ("tools", "stream", "citations", "hallucinations", "logprobs")
"""Inputs whose answer is data, where a prompt's is text."""

NEEDS_A_CHAT = "needs messages: the answer to a prompt is plain text, as it is generated."


@dataclass(frozen=True)
class Conversation:
    """`text`: what goes past the chat template, as it is; else the rest is what the template renders."""

    text: str | None
    turns: list[dict[str, Any]]
    documents: list[dict[str, str]]
    tools: Tools
    controls: Controls
    template: str | None
    template_arguments: dict[str, Any]
    add_generation_prompt: bool

    @classmethod
    def checked(cls, faults: Faults, inputs: Inputs, trust_template: bool) -> Conversation:
        """What does not go together, and what would open a role of its own, is added to `faults`.

        `trust_template`: whether a request may bring its own.
        """
        own_template = inputs.chat_template is not None
        if own_template and not trust_template:
            faults.add(
                "chat_template", "chat_template is refused unless the server runs with TRUST_CHAT_TEMPLATE=true."
            )
        conversation = cls(
            text=_past_the_template(faults, inputs),
            turns=messages.checked(faults, inputs.messages) if inputs.messages else _turns(faults, inputs),
            documents=documents.checked(faults, inputs.documents),
            tools=Tools.checked(faults, inputs.tools, inputs.tool_choice),
            controls=Controls.checked(faults, inputs, own_template),
            template=inputs.chat_template,
            template_arguments=inputs.chat_template_kwargs or {},
            add_generation_prompt=inputs.add_generation_prompt,
        )
        if inputs.chat:
            _beside_messages(faults, inputs)
        else:
            _beside_a_prompt(faults, inputs)
        _together(faults, inputs, conversation)
        return conversation


def _past_the_template(faults: Faults, inputs: Inputs) -> str | None:
    if inputs.suffix is not None:
        fill_in_the_middle.check(faults, inputs.prompt, inputs.suffix)
        control_tokens.refuse(faults, "suffix", inputs.suffix)
        return fill_in_the_middle.formatted(inputs.prompt, inputs.suffix)
    return inputs.prompt if inputs.raw else None


def _turns(faults: Faults, inputs: Inputs) -> list[dict[str, Any]]:
    if not inputs.prompt and inputs.suffix is None:
        faults.add("prompt", "prompt is empty: give the text that the model should answer, or messages.")
    if not inputs.raw:
        control_tokens.refuse(faults, "prompt", inputs.prompt)
    control_tokens.refuse(faults, "system_prompt", inputs.system_prompt)
    user = {"role": "user", "content": inputs.prompt}
    return [user] if inputs.system_prompt is None else [{"role": "system", "content": inputs.system_prompt}, user]


def _beside_messages(faults: Faults, inputs: Inputs) -> None:
    if inputs.prompt:
        faults.add("prompt", "Give either prompt or messages, not both.")
    if inputs.system_prompt is not None:
        faults.add("system_prompt", "system_prompt must be left out beside messages: write a message with role system.")
    if inputs.suffix is not None:
        faults.add("suffix", "suffix must be left out beside messages: prompt holds the text before the hole.")


def _beside_a_prompt(faults: Faults, inputs: Inputs) -> None:
    for name in OF_A_CHAT:
        if inputs.given(name):
            faults.add(name, f"{name} {NEEDS_A_CHAT}")
    if inputs.suffix is not None and inputs.raw:
        faults.add("suffix", f"suffix must be left out beside a prompt that begins with {RAW_START}.")
    elif inputs.suffix is not None or inputs.raw:
        beside = "suffix" if inputs.suffix is not None else f"a prompt that begins with {RAW_START}"
        for name in OF_THE_TEMPLATE:
            if inputs.given(name):
                faults.add(name, f"{name} must be left out beside {beside}.")


def _together(faults: Faults, inputs: Inputs, conversation: Conversation) -> None:
    """Granite was not trained for these, or the chat template would not say them."""
    controls = conversation.controls
    for name in controls.told:
        source = name if inputs.given(name) else "chat_template_kwargs"
        if name in ("citations", "hallucinations"):
            if not inputs.chat and source != name:
                faults.add(source, f"{name} {NEEDS_A_CHAT}")
            if not conversation.documents:
                faults.add(source, f"{name} needs documents.")
            if conversation.tools.forced:
                faults.add(
                    source, f"{name} must be left out beside a tool_choice that forces a call: there is no answer."
                )
        if not conversation.add_generation_prompt:
            faults.add(source, f"{name} must be left out where add_generation_prompt is false, which leaves it unsaid.")
    if controls.thinking and not (inputs.raw or inputs.suffix is not None):
        source = "thinking" if inputs.thinking else "chat_template_kwargs"
        for beside, given in (
            ("documents", conversation.documents),
            ("tools", conversation.tools.definitions),
            (
                "system_prompt" if not inputs.chat else "a system message",
                any(turn["role"] == "system" for turn in conversation.turns),
            ),
        ):
            if given:
                faults.add(source, f"thinking must be left out beside {beside}: Granite was trained for one of them.")
    if conversation.tools.callable and (inputs.response_format or {}).get("type", "text") != "text":
        faults.add(
            "response_format",
            "response_format must be text beside tools, whose calls have a form of their own, unless tool_choice is none.",
        )
