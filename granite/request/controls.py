"""Granite's switches: thinking, and the controls that are told after the assistant's role.

They come as inputs, or as the model's own users write them, in `chat_template_kwargs`:
`{"thinking": true, "controls": {"length": "short"}}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from granite.request.faults import Faults, shown
from granite.request.inputs import Inputs

CHOICES: dict[str, tuple[object, ...]] = {
    "citations": (True, False),
    "hallucinations": (True, False),
    "length": ("short", "long"),
    "originality": ("extractive", "abstractive"),
}

OF_THE_RENDERER = (
    *("conversations", "messages", "tools", "documents", "chat_template", "add_generation_prompt"),
    *("continue_final_message", "return_assistant_tokens_mask"),
)
"""What a template is rendered with, which is not a request's to set twice."""


@dataclass(frozen=True)
class Controls:
    """`told`: citations, hallucinations, length and originality, those that were asked for."""

    thinking: bool
    told: dict[str, Any]

    @property
    def grounded(self) -> bool:
        """Whether the answer ends with lists of citations or of hallucinations."""
        return "citations" in self.told or "hallucinations" in self.told

    @classmethod
    def checked(cls, faults: Faults, inputs: Inputs, own_template: bool) -> Controls:
        """`own_template`: whether the request brings a template, which may read any other keyword argument."""
        given = inputs.chat_template_kwargs or {}
        if not own_template:
            _refuse_others(faults, "chat_template_kwargs", given, ("thinking", "controls"))
        for name in sorted(given.keys() & set(OF_THE_RENDERER)):
            faults.add("chat_template_kwargs", f"chat_template_kwargs cannot set {name}: leave it out.")
        controls = {} if given.get("controls") is None else given["controls"]
        if not isinstance(controls, dict):
            faults.add(
                "chat_template_kwargs",
                f"chat_template_kwargs.controls must be an object such as "
                f'{{"length": "short"}}, got {shown(controls)}.',
            )
            controls = {}
        _refuse_others(faults, "chat_template_kwargs.controls", controls, tuple(CHOICES))
        thinking = _one(faults, inputs, "thinking", given, (True, False), "chat_template_kwargs")
        told = {
            name: _one(faults, inputs, name, controls, choices, "chat_template_kwargs.controls")
            for name, choices in CHOICES.items()
        }
        return cls(bool(thinking), {name: value for name, value in told.items() if value})


def _refuse_others(faults: Faults, where: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in sorted(given.keys() - set(known)):
        faults.add("chat_template_kwargs", f"{where} holds {shown(name)}: it can hold {', '.join(known)}.")


def _one(
    faults: Faults, inputs: Inputs, name: str, given: dict[str, Any], choices: tuple[object, ...], where: str
) -> Any:
    """The input's value, or the one in `given`, which must not contradict it."""
    typed, value = getattr(inputs, name), given.get(name)
    if value is None:
        return typed
    if not any(value is choice or (value == choice and isinstance(choice, str)) for choice in choices):
        wanted = " or ".join(str(choice).lower() for choice in choices)
        faults.add("chat_template_kwargs", f"{where}.{name} must be {wanted}, got {shown(value)}.")
    elif typed and typed != value:
        faults.add(
            "chat_template_kwargs",
            f"{where}.{name} is {shown(value)}, but the input {name} is {shown(typed)}: give one of them.",
        )
    return value
