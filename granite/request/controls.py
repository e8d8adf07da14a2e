"""Granite's controls: thinking, and those that follow the assistant's role in the prompt.

They come as inputs, or in `chat_template_kwargs`, as the model card writes them:
`{"thinking": true, "controls": {"length": "short"}}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from granite.errors import InvalidInput, quote
from granite.request import shape
from granite.request.inputs import Inputs
from granite.request.shape import Shape

NAMES = ("citations", "hallucinations", "length", "originality")
"""The controls that follow the assistant's role, in the order of the prompt."""

RENDERER_ARGUMENTS = (
    *("conversations", "messages", "tools", "documents", "chat_template", "add_generation_prompt"),
    *("continue_final_message", "return_assistant_tokens_mask"),
)
"""Arguments of transformers' renderer that chat_template_kwargs cannot set again."""


@dataclass(frozen=True)
class Controls:
    thinking: bool = False
    citations: bool = False
    hallucinations: bool = False
    length: Literal["short", "long"] | None = None
    originality: Literal["extractive", "abstractive"] | None = None

    @property
    def grounded(self) -> bool:
        """Whether the answer ends with lists of citations or of hallucinations."""
        return self.citations or self.hallucinations

    @property
    def of_assistant(self) -> dict[str, Any]:
        """What follows the assistant's role in the prompt."""
        return {name: getattr(self, name) for name in NAMES if getattr(self, name)}


class _Controls(Shape, extra="forbid"):
    citations: bool | None = None
    hallucinations: bool | None = None
    length: Literal["short", "long"] | None = None
    originality: Literal["extractive", "abstractive"] | None = None


class _Arguments(Shape, extra="forbid"):
    thinking: bool | None = None
    controls: _Controls | None = None


_ARGUMENTS = TypeAdapter(_Arguments)


def of_inputs(inputs: Inputs) -> Controls:
    return Controls(**{name: getattr(inputs, name) for name in ("thinking", *NAMES)})


def of_arguments(inputs: Inputs) -> Controls:
    """Add those in chat_template_kwargs, where a request's own template may read any further argument."""
    given = inputs.chat_template_kwargs or {}
    for name in RENDERER_ARGUMENTS:
        if name in given:
            raise InvalidInput(f"`chat_template_kwargs` cannot set `{name}`; remove it.")
    if inputs.chat_template is not None:
        given = {name: given[name] for name in ("thinking", "controls") if name in given}
    checked = shape.check(_ARGUMENTS, given, "chat_template_kwargs")
    merged = vars(of_inputs(inputs)).copy()
    for name, value in {"thinking": checked.thinking, **vars(checked.controls or _Controls())}.items():
        if value is None:
            continue
        if merged[name] and merged[name] != value:
            raise InvalidInput(
                f"`chat_template_kwargs` sets `{name}` to {quote(value)}, but the input `{name}` is {quote(merged[name])}; "
                "remove one of them."
            )
        merged[name] = value
    return Controls(**merged)
