"""Granite's controls: thinking, and those that follow the assistant's role in the prompt.

They come as inputs, or in `chat_template_kwargs`, as the model card writes them:
`{"thinking": true, "controls": {"length": "short"}}`.
"""

import dataclasses
from typing import Any, Literal

from pydantic import TypeAdapter

from granite.errors import InvalidInput
from granite.request import shape
from granite.request.inputs import Inputs
from granite.request.shape import Shape


class _OfAssistant(Shape, extra="forbid"):
    citations: bool = False
    hallucinations: bool = False
    length: Literal["short", "long"] | None = None
    originality: Literal["extractive", "abstractive"] | None = None


class Controls(_OfAssistant):
    thinking: bool = False

    @property
    def grounded(self) -> bool:
        """Whether the answer ends with lists of citations or of hallucinations."""
        return self.citations or self.hallucinations

    @property
    def of_assistant(self) -> dict[str, Any]:
        """What follows the assistant's role in the prompt."""
        return self.model_dump(exclude={"thinking"}, exclude_defaults=True)


class _Arguments(Shape, extra="forbid"):
    thinking: bool = False
    controls: _OfAssistant = _OfAssistant()


_ARGUMENTS = TypeAdapter(_Arguments)


def merged(inputs: Inputs) -> Inputs:
    """Set the inputs that chat_template_kwargs sets. A request's own template may read any further argument."""
    given = inputs.chat_template_kwargs or {}
    if inputs.chat_template is not None:
        given = {name: given[name] for name in _Arguments.model_fields if name in given}
    arguments = shape.check(_ARGUMENTS, given, "chat_template_kwargs").model_dump(exclude_unset=True)
    found = arguments.pop("controls", {}) | arguments
    for name, value in found.items():
        if getattr(inputs, name) not in (None, False, value):
            raise InvalidInput(f"`chat_template_kwargs` contradicts the input `{name}`; remove one of them.")
    return dataclasses.replace(inputs, **found)


def of_inputs(inputs: Inputs) -> Controls:
    return Controls(**{name: getattr(inputs, name) for name in Controls.model_fields})
