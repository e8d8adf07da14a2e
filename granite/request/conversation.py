"""What the model answers: a prompt, a gap to fill or a chat, and what the prompt says besides.

The checks follow the order of the inputs: `verbatim`, `check_text`, `read`, `check_controls`, `check_text`,
`check_template`.
"""

from dataclasses import dataclass
from typing import Any

from granite.errors import InvalidInput
from granite.request import control_tokens, controls, messages, tools
from granite.request.control_tokens import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX
from granite.request.controls import Controls
from granite.request.inputs import RAW_START, Inputs
from granite.request.tools import Tools

BESIDE_RAW = f"cannot be combined with a prompt that begins with {RAW_START}; remove it."
RENDERED = (
    *("system_prompt", "thinking", "documents", "tools", "length", "originality"),
    *("chat_template", "add_generation_prompt"),
)
"""Inputs that the chat template renders: a prompt that bypasses it cannot carry them."""

ONLY_IN_CHAT = ("tool_choice", "citations", "hallucinations", "logprobs")
ONLY_IN_PROMPT = ("system_prompt", "suffix")


@dataclass(frozen=True)
class Conversation:
    """`verbatim`: a text or token ids sent without the chat template; None: the template renders the other fields."""

    verbatim: str | list[int] | None
    inputs: Inputs
    messages: list[dict[str, Any]]
    documents: list[dict[str, str]]
    tools: Tools
    controls: Controls


def check_place(inputs: Inputs, name: str) -> None:
    """Raise InvalidInput if this input is given and has no place beside the prompt or the messages."""
    if not inputs.given(name):
        return
    if inputs.chat:
        if name in ONLY_IN_PROMPT:
            raise InvalidInput(f"`{name}` cannot be combined with `messages`; remove one of them.")
    elif name in ONLY_IN_CHAT:
        raise InvalidInput(f"`{name}` requires `messages`; the answer to a prompt is text.")
    elif name in RENDERED and inputs.suffix is not None:
        raise InvalidInput(f"`{name}` cannot be combined with `suffix`; remove one of them.")
    elif name in RENDERED and inputs.prompt.startswith(RAW_START):
        raise InvalidInput(f"`{name}` {BESIDE_RAW}")


def verbatim(inputs: Inputs, prompt: str | list[int] | None) -> str | list[int] | None:
    """Check the prompt and return it if it bypasses the chat template. `prompt`: one of /v1/completions, which does.

    Fill in the middle: the prefix, then the suffix, each after its token, and the model writes on after the third.
    Source: Bavarian et al., "Efficient Training of Language Models to Fill in the Middle", 2022.
    """
    if isinstance(prompt, list):
        # bool is a subclass of int.
        if not prompt or not all(type(token) is int and token >= 0 for token in prompt):
            raise InvalidInput("`prompt` must be a text or a list of token ids, which are whole numbers from 0.")
        if inputs.suffix is not None:
            raise InvalidInput("`suffix` requires a text as `prompt`, not token ids.")
        return prompt
    if inputs.chat:
        if inputs.prompt:
            raise InvalidInput("Give either prompt or messages, not both.")
        return None
    text = inputs.prompt if prompt is None else prompt
    suffix = inputs.suffix
    if not text and not suffix:
        raise InvalidInput(f"`prompt` is empty; give a text{', or `messages`' if prompt is None else ''}.")
    if text.startswith(RAW_START):
        if suffix is not None:
            raise InvalidInput(f"`suffix` {BESIDE_RAW}")
        return text
    control_tokens.refuse("prompt", text, fill_in_the_middle=suffix is not None)
    return prompt if suffix is None else f"{FIM_PREFIX}{text}{FIM_SUFFIX}{suffix}{FIM_MIDDLE}"


def check_text(inputs: Inputs, name: str) -> None:
    """Check `system_prompt` or `suffix`."""
    check_place(inputs, name)
    control_tokens.refuse(name, getattr(inputs, name), fill_in_the_middle=name == "suffix")


def read(inputs: Inputs, sent: str | list[int] | None) -> Conversation:
    """Check `thinking`, `messages`, `documents`, `tools` and `tool_choice`. `sent`: by `verbatim`."""
    check_place(inputs, "thinking")
    if inputs.thinking:
        beside = [f"`{name}`" for name in ("system_prompt", "documents", "tools") if inputs.given(name)]
        if any(message.get("role") in ("system", "developer") for message in inputs.messages or []):
            beside.append("a system message")
        for other in beside:
            raise InvalidInput(f"`thinking` cannot be combined with {other}; Granite was trained for one at a time.")
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
    chosen = tools.choose(definitions, inputs.tool_choice)
    return Conversation(sent, inputs, turns, documents, chosen, controls.of_inputs(inputs))


def check_controls(inputs: Inputs) -> None:
    """Check `citations`, `hallucinations`, `length` and `originality`."""
    for name in controls.of_inputs(inputs).of_assistant:
        check_place(inputs, name)
        if name in ("citations", "hallucinations") and not inputs.documents:
            raise InvalidInput(f"`{name}` requires `documents`.")
        if not inputs.add_generation_prompt:
            raise InvalidInput(f"`{name}` has no effect when `add_generation_prompt` is false; remove one of them.")


def check_template(inputs: Inputs, *, trusted: bool) -> None:
    """Check `chat_template` and `add_generation_prompt`. `trusted`: whether a request may bring its own template."""
    if inputs.chat_template is not None and not trusted:
        raise InvalidInput("`chat_template` is refused unless the server runs with TRUST_CHAT_TEMPLATE=true.")
    check_place(inputs, "chat_template")
    check_place(inputs, "add_generation_prompt")
