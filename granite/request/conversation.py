"""What the model answers: a prompt, a gap to fill or a chat, and what the prompt says besides.

The checks follow the order of the inputs: `check_prompt`, `read`, `check_controls`, `check_suffix`, `templated`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from granite.errors import InvalidInput
from granite.request import control_tokens, controls, messages, tools
from granite.request.controls import Controls
from granite.request.inputs import RAW_START, Inputs
from granite.request.tools import Tools

RENDERED = (
    *("system_prompt", "thinking", "documents", "tools", "length", "originality"),
    *("chat_template", "chat_template_kwargs", "add_generation_prompt"),
)
"""Inputs that the chat template renders: a prompt that bypasses it cannot carry them."""

ONLY_IN_CHAT = ("tool_choice", "citations", "hallucinations", "logprobs")
NEEDS_MESSAGES = "`{}` requires `messages`; the answer to a prompt is text."

NOT_IN_CHAT = {
    "system_prompt": "`system_prompt` cannot be combined with `messages`; add a message with role system instead.",
    "suffix": "`suffix` cannot be combined with `messages`; it fills in the middle after `prompt`.",
}


@dataclass(frozen=True)
class Conversation:
    """`text` and `suffix`, or `token_ids`, bypass the chat template; else the other fields are what it renders."""

    text: str | None = None
    suffix: str | None = None
    token_ids: list[int] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, str]] = field(default_factory=list)
    tools: Tools = field(default_factory=Tools)
    controls: Controls = field(default_factory=Controls)
    template: str | None = None
    template_arguments: dict[str, Any] = field(default_factory=dict)
    add_generation_prompt: bool = True


def check_place(inputs: Inputs, *names: str) -> None:
    """Raise InvalidInput for the first of these inputs that is given and has no place in such a request."""
    bypass = "`suffix`" if inputs.suffix is not None else f"a prompt that begins with {RAW_START}" if inputs.raw else ""
    for name in filter(inputs.given, names):
        if inputs.chat and name in NOT_IN_CHAT:
            raise InvalidInput(NOT_IN_CHAT[name])
        if not inputs.chat and name in ONLY_IN_CHAT:
            raise InvalidInput(NEEDS_MESSAGES.format(name))
        if not inputs.chat and bypass and name in RENDERED:
            raise InvalidInput(f"`{name}` cannot be combined with {bypass}; remove it.")


def check_prompt(inputs: Inputs, verbatim: str | list[int] | None) -> None:
    """Check `prompt`, or `verbatim` in its place, and `system_prompt`."""
    if isinstance(verbatim, list):
        # bool is a subclass of int.
        if not verbatim or not all(type(token) is int and token >= 0 for token in verbatim):
            raise InvalidInput("`prompt` must be a text or a list of token ids, which are whole numbers from 0.")
        if inputs.suffix is not None:
            raise InvalidInput("`suffix` requires a text as `prompt`, not token ids.")
    elif inputs.chat and inputs.prompt:
        raise InvalidInput("Give either prompt or messages, not both.")
    elif not inputs.chat:
        text, raw = (inputs.prompt, inputs.raw) if verbatim is None else (verbatim, verbatim.startswith(RAW_START))
        if not text and not inputs.suffix:
            instead = ", or `messages`" if verbatim is None and inputs.suffix is None else ""
            raise InvalidInput(f"`prompt` is empty; give a text{instead}.")
        if not raw:
            control_tokens.refuse("prompt", text, fill_in_the_middle=inputs.suffix is not None)
        elif inputs.suffix is not None:
            raise InvalidInput(f"`suffix` cannot be combined with a prompt that begins with {RAW_START}; remove it.")
    check_place(inputs, "system_prompt")
    control_tokens.refuse("system_prompt", inputs.system_prompt)


def read(inputs: Inputs, verbatim: str | list[int] | None) -> Conversation:
    """Check `thinking`, `messages`, `documents`, `tools` and `tool_choice`."""
    switched_on = controls.of_inputs(inputs)
    check_place(inputs, "thinking")
    _check_thinking(inputs, switched_on)
    if inputs.messages:
        turns = messages.messages(inputs.messages)
    else:
        system = [] if inputs.system_prompt is None else [{"role": "system", "content": inputs.system_prompt}]
        turns = [*system, {"role": "user", "content": inputs.prompt}]
    check_place(inputs, "documents")
    documents = messages.documents(inputs.documents)
    check_place(inputs, "tools")
    definitions = tools.definitions(inputs.tools)
    check_place(inputs, "tool_choice")
    if verbatim is None and (inputs.raw or inputs.suffix is not None):
        verbatim = inputs.prompt
    chosen = tools.choose(definitions, inputs.tool_choice)
    for name in filter(inputs.given, ("stop", "stop_sequences") if chosen.forced else ()):
        raise InvalidInput(f"`{name}` could cut off the call that `tool_choice` forces; remove it.")
    return Conversation(
        text=verbatim if isinstance(verbatim, str) else None,
        suffix=inputs.suffix,
        token_ids=verbatim if isinstance(verbatim, list) else None,
        messages=turns,
        documents=documents,
        tools=chosen,
        controls=switched_on,
        add_generation_prompt=inputs.add_generation_prompt,
    )


def check_controls(inputs: Inputs, conversation: Conversation) -> None:
    """Refuse what Granite was not trained for, or what its prompt would not say."""
    for name in conversation.controls.of_assistant:
        if name in ("citations", "hallucinations"):
            if not inputs.chat:
                raise InvalidInput(NEEDS_MESSAGES.format(name))
            if not conversation.documents:
                raise InvalidInput(f"`{name}` requires `documents`.")
            if conversation.tools.forced:
                raise InvalidInput(
                    f"`{name}` cannot be combined with a `tool_choice` that forces a call; remove one of them."
                )
            if (inputs.response_format or {}).get("type", "text") != "text":
                raise InvalidInput(f"`{name}` cannot be combined with `response_format`; remove one of them.")
        else:
            check_place(inputs, name)
        if not inputs.add_generation_prompt:
            raise InvalidInput(f"`{name}` has no effect when `add_generation_prompt` is false; remove one of them.")


def check_suffix(inputs: Inputs) -> None:
    check_place(inputs, "suffix")
    control_tokens.refuse("suffix", inputs.suffix, fill_in_the_middle=True)


def templated(inputs: Inputs, conversation: Conversation, *, trusted: bool) -> Conversation:
    """Check and add `chat_template`, `chat_template_kwargs` and `add_generation_prompt`.

    `trusted`: whether a request may bring its own template.
    """
    if inputs.chat_template is not None and not trusted:
        raise InvalidInput("`chat_template` is refused unless the server runs with TRUST_CHAT_TEMPLATE=true.")
    check_place(inputs, "chat_template", "chat_template_kwargs")
    conversation = replace(
        conversation,
        template=inputs.chat_template,
        template_arguments=inputs.chat_template_kwargs or {},
        controls=controls.of_arguments(inputs),
    )
    _check_thinking(inputs, conversation.controls)
    check_controls(inputs, conversation)
    check_place(inputs, "add_generation_prompt")
    return conversation


def _check_thinking(inputs: Inputs, switched_on: Controls) -> None:
    if not switched_on.thinking:
        return
    with_system = any(message.get("role") in ("system", "developer") for message in inputs.messages or [])
    for given, beside in (
        (inputs.given("system_prompt"), "`system_prompt`"),
        (with_system, "a system message"),
        (inputs.given("documents"), "`documents`"),
        (inputs.given("tools"), "`tools`"),
    ):
        if given:
            raise InvalidInput(f"`thinking` cannot be combined with {beside}; Granite was trained for one at a time.")
