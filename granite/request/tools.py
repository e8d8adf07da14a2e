"""Functions that the model may call, in OpenAI's format, and which of them it must call.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from granite.errors import InvalidInput, quote
from granite.request import control_tokens, json_schema, json_text, key_order, shape
from granite.request.shape import Shape

MAX_CALLS = 4
"""Of an answer that must call. Without a bound a model goes on calling until max_tokens."""


class _Parameters(Shape):
    type: Literal["object"] = "object"


class _Function(Shape):
    name: Annotated[str, Field(min_length=1)]
    parameters: _Parameters | None = None


class _Tool(Shape):
    type: Literal["function"] = "function"
    function: _Function


_TOOLS = TypeAdapter(Annotated[list[_Tool], Field(fail_fast=True)])


@dataclass(frozen=True)
class Tools:
    """`definitions` as the caller wrote them. `forced`: names of the functions of which one must be called."""

    definitions: tuple[dict[str, Any], ...] = ()
    choice: str = "auto"
    forced: frozenset[str] = frozenset()

    @property
    def callable(self) -> bool:
        """Whether the answer may contain calls."""
        return bool(self.definitions) and self.choice != "none"

    @property
    def bias(self) -> dict[str, float]:
        """A logit bias that keeps the model from calling tools that its prompt defines and `tool_choice` rules out."""
        return {str(control_tokens.TOOL_CALL_ID): -100.0} if self.definitions and not self.callable else {}

    def grammar(self) -> dict[str, Any]:
        """A forced answer as xgrammar's structural tag: Granite's format of a call, the arguments by their schema.

        Format: https://xgrammar.mlc.ai/docs/tutorials/structural_tag.html
        """
        functions = [tool["function"] for tool in self.definitions if tool["function"]["name"] in self.forced]
        call = {"type": "or", "elements": [_call(function) for function in functions]}
        more = {"type": "sequence", "elements": [{"type": "const_string", "value": ", "}, call]}
        several = [{"type": "repeat", "min": 0, "max": MAX_CALLS - 1, "content": more}]
        return {
            "type": "sequence",
            "elements": [
                {"type": "token", "token": control_tokens.TOOL_CALL_ID},
                {"type": "const_string", "value": "["},
                call,
                *(several if self.choice == "required" else []),
                {"type": "const_string", "value": "]"},
            ],
        }


def definitions(given: list[dict[str, Any]] | None) -> tuple[dict[str, Any], ...]:
    """Check the definitions and restore the order of their keys, which Cog sorts."""
    tools = shape.check(_TOOLS, given or [], "tools")
    for i, tool in enumerate(given or []):
        control_tokens.refuse(f"tools[{i}]", tool)
    for name, count in Counter(tool.function.name for tool in tools).most_common(1):
        if count > 1:
            raise InvalidInput(f"Two tools are named {shape.code(name)}; names must be unique.")
    return tuple(key_order.of_tool(tool) for tool in given or [])


def choose(tools: tuple[dict[str, Any], ...], choice: str | dict[str, Any] | None) -> Tools:
    """Apply `tool_choice`: auto, none, required, or a function as an object or its JSON text."""
    if choice is None:
        return Tools(tools)
    if not tools:
        raise InvalidInput("`tool_choice` requires `tools`.")
    names = frozenset(tool["function"]["name"] for tool in tools)
    if choice in ("auto", "none"):
        return Tools(tools, str(choice))
    if choice == "required":
        made = Tools(tools, "required", names)
    else:
        name = _name(choice)
        if name not in names:
            raise InvalidInput(f"`tool_choice` names the function {shape.code(name)}, which `tools` does not have.")
        made = Tools(tools, "named", frozenset({name}))
    for i, tool in enumerate(tools):
        if tool["function"]["name"] in made.forced:
            json_schema.check(f"tools[{i}].function.parameters", tool["function"].get("parameters"))
    return made


def _call(function: dict[str, Any]) -> dict[str, Any]:
    name = json.dumps(function["name"], ensure_ascii=False)
    schema = {"type": "object", **(function.get("parameters") or {})}
    return {
        "type": "sequence",
        "elements": [
            {"type": "const_string", "value": f'{{"name": {name}, "arguments": '},
            {"type": "json_schema", "json_schema": schema, "max_whitespace_cnt": 1},
            {"type": "const_string", "value": "}"},
        ],
    }


def _name(choice: Any) -> str:
    """The function that `tool_choice` names."""
    try:
        # Clients that can send only texts, such as langchain-replicate, write the object as JSON.
        parsed = json_text.loads(choice) if isinstance(choice, str) else choice
    except ValueError:
        parsed = None
    match parsed:
        case {"type": "function", "function": {"name": str(name)}} if name:
            return name
    raise InvalidInput(
        "`tool_choice` must be auto, none, required or a named function such as "
        f'{{"type": "function", "function": {{"name": "get_weather"}}}}, got {quote(choice)}.'
    )
