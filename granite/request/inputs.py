"""What a request asked, as predict() received it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from granite.request.messages import text_of

RAW_START = "<|start_of_role|>"
"""A prompt that begins with it is already formatted and is sent as it is."""


@dataclass(frozen=True)
class Inputs:
    """predict()'s inputs, by their names and in their order. Their defaults and meanings stand there alone.

    Cog checks the types that a schema can state, but passes numbers on as JSON wrote them: an int may be a float here.
    """

    prompt: str
    system_prompt: str | None
    max_tokens: float
    min_tokens: float
    temperature: float
    top_p: float
    top_k: float
    presence_penalty: float
    frequency_penalty: float
    stop: str | list[str] | None
    seed: float | None
    thinking: bool
    messages: list[dict[str, Any]] | None
    documents: list[dict[str, Any]] | None
    tools: list[dict[str, Any]] | None
    tool_choice: str | dict[str, Any] | None
    response_format: dict[str, Any] | None
    stream: bool
    citations: bool
    hallucinations: bool
    length: str | None
    originality: str | None
    suffix: str | None
    min_p: float
    repetition_penalty: float
    logprobs: float | None
    sampling_params: dict[str, Any] | None
    adapter: str | None
    chat_template: str | None
    chat_template_kwargs: dict[str, Any] | None
    add_generation_prompt: bool
    max_completion_tokens: float | None
    stop_sequences: str | None

    @classmethod
    def defaults(cls, predict: Callable[..., Any]) -> Inputs:
        """What a request that gives nothing asks of `predict`."""
        parameters = inspect.signature(predict).parameters
        given = {field.name: parameters[field.name].default for field in dataclasses.fields(cls)}
        # Cog's Input(), in whose place coglet puts its default when it loads the predictor.
        return cls(**{name: getattr(default, "default", default) for name, default in given.items()})

    @property
    def chat(self) -> bool:
        return bool(self.messages)

    @property
    def raw(self) -> bool:
        return self.prompt.startswith(RAW_START)

    @property
    def user_prompt(self) -> str:
        """The prompt, or the last thing that the user said in a chat; nothing was checked yet."""
        for message in reversed(self.messages or []):
            if message.get("role") == "user":
                return text_of(message.get("content"))
        return self.prompt

    def given(self, name: str) -> bool:
        """Whether the caller asked for it: an empty list or object asks for nothing, an empty text may."""
        value = getattr(self, name)
        if name == "add_generation_prompt":
            return not value
        return value is not None and value is not False and value not in ([], {})
