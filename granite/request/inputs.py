"""predict()'s inputs. Their defaults and descriptions are in predict.py alone."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SkipValidation, WrapValidator

from granite.request.messages import text_of

RAW_START = "<|start_of_role|>"
"""A prompt that begins with it is already formatted and is sent as it is."""


def _whole(value: Any) -> Any:
    """JSON's 5.0 is 5: Cog passes it on as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_written(value: Any, check: Callable[[Any], Any]) -> Any:
    """Leave 0 an int, so that an error quotes it as the caller wrote it."""
    check(value)
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, WrapValidator(_as_written)]
Objects = Annotated[list[dict[str, Any]] | None, Field(fail_fast=True)]
"""A list of thousands can be wrong in each item; one sentence is enough."""


@dataclass(frozen=True)
class Inputs:
    """One request, by the names of predict()'s inputs and in their order.

    Cog checks these types, except that whole numbers may be floats; the OpenAI API checks none. `shape.check` does.
    """

    __pydantic_config__ = ConfigDict(strict=True, revalidate_instances="always")

    prompt: str
    system_prompt: str | None
    max_tokens: Whole | None
    """None: as many as fit; only the OpenAI API sends that."""
    min_tokens: Whole
    temperature: Number
    top_p: Number
    top_k: Whole
    presence_penalty: Number
    frequency_penalty: Number
    stop: list[str] | None
    seed: Whole | None
    thinking: bool
    messages: Objects
    documents: Objects
    tools: Objects
    tool_choice: SkipValidation[str | dict[str, Any] | None]
    response_format: dict[str, Any] | None
    stream: bool
    citations: bool
    hallucinations: bool
    length: Literal["short", "long"] | None
    originality: Literal["extractive", "abstractive"] | None
    suffix: str | None
    min_p: Number
    repetition_penalty: Number
    logprobs: Whole | None
    sampling_params: dict[str, Any] | None
    adapter: str | None
    chat_template: str | None
    chat_template_kwargs: dict[str, Any] | None
    add_generation_prompt: bool
    max_completion_tokens: Whole | None
    stop_sequences: str | None

    @classmethod
    def defaults(cls, predict: Callable[..., Any]) -> Inputs:
        """Read predict()'s defaults from its signature."""
        parameters = inspect.signature(predict).parameters
        given = {field.name: parameters[field.name].default for field in dataclasses.fields(cls)}
        # Before coglet has loaded the predictor, a default is still inside Cog's Input().
        return cls(**{name: getattr(default, "default", default) for name, default in given.items()})

    @property
    def chat(self) -> bool:
        return bool(self.messages)

    @property
    def user_prompt(self) -> str:
        """The prompt, or the user's last message in a chat. Never fails: it is read before anything is checked."""
        for message in reversed(self.messages if isinstance(self.messages, list) else []):
            if isinstance(message, dict) and message.get("role") == "user":
                return text_of(message.get("content"))
        return self.prompt if isinstance(self.prompt, str) else ""

    def given(self, name: str) -> bool:
        """Whether the caller set it. An empty list or object counts as not set, an empty text as set."""
        value = getattr(self, name)
        if name == "add_generation_prompt":
            return not value
        return value is not None and value is not False and value not in ([], {})
