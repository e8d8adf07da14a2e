"""Functions that the model may call, in OpenAI's format, and which of them it must call.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from granite.errors import InvalidInput, quote
from granite.request import control_tokens, json_schema, json_text, key_order, shape
from granite.request.shape import Shape, Text

MAX_CALLS = 4
"""Of an answer that must call. Without a bound a model goes on calling until max_tokens."""


class _Function(Shape):
    name: Text
    parameters: dict[str, Any] | None = None


class _Tool(Shape):
    type: Literal["function"] = "function"
    function: _Function


_TOOL = TypeAdapter(_Tool)


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
    def forbidden(self) -> bool:
        """Whether the prompt defines tools that the answer must not call."""
        return bool(self.definitions) and not self.callable

    def biased(self, sampling: dict[str, Any]) -> dict[str, Any]:
        """Keep the model from calling tools that its prompt defines and `tool_choice` rules out."""
        bias = sampling.get("logit_bias", {})
        # vLLM refuses a bias that is not an object.
        if not self.forbidden or not isinstance(bias, dict):
            return sampling
        return {**sampling, "logit_bias": {**bias, str(control_tokens.TOOL_CALL_ID): -100.0}}

    def grammar(self) -> dict[str, Any]:
        """A forced answer as xgrammar's structural tag: Granite's format of a call, the arguments by their schema.

        Format: https://xgrammar.mlc.ai/docs/tutorials/structural_tag.html
        """
        functions = [tool["function"] for tool in self.definitions if tool["function"]["name"] in self.forced]
        call = {"type": "or", "elements": [_call(function) for function in functions]}
        more = {"type": "repeat", "min": 0, "max": MAX_CALLS - 1, "content": _sequence(", ", call)}
        token = {"type": "token", "token": control_tokens.TOOL_CALL_ID}
        return _sequence(token, "[", call, *([more] if self.choice == "required" else []), "]")


def definitions(given: list[dict[str, Any]] | None) -> tuple[dict[str, Any], ...]:
    """Check the definitions and restore the order of their keys, which Cog sorts."""
    names: set[str] = set()
    for i, tool in enumerate(given or []):
        name = shape.check(_TOOL, tool, "tools", i).function.name
        control_tokens.refuse(f"tools[{i}]", tool)
        if name in names:
            raise InvalidInput(f"Two tools are named {shape.code(name)}; names must be unique.")
        names.add(name)
    return tuple(key_order.restored(tool) for tool in given or [])


def choose(tools: tuple[dict[str, Any], ...], choice: str | dict[str, Any] | None) -> Tools:
    """Apply `tool_choice`: auto, none, required, or a function as an object or its JSON text."""
    if choice is None:
        return Tools(tools)
    if not tools:
        raise InvalidInput("`tool_choice` requires `tools`.")
    if choice in ("auto", "none"):
        return Tools(tools, str(choice))
    forced = frozenset(tool["function"]["name"] for tool in tools)
    if choice != "required":
        name = _name(choice)
        if name not in forced:
            raise InvalidInput(f"`tool_choice` names the function {shape.code(name)}, which `tools` does not have.")
        forced = frozenset({name})
    for i, tool in enumerate(tools):
        if tool["function"]["name"] in forced:
            json_schema.check(f"tools[{i}].function.parameters", tool["function"].get("parameters"))
    return Tools(tools, "required" if choice == "required" else "named", forced)


def _call(function: dict[str, Any]) -> dict[str, Any]:
    name = json.dumps(function["name"], ensure_ascii=False)
    schema = {"type": "object", **(function.get("parameters") or {})}
    arguments = {"type": "json_schema", "json_schema": schema, "max_whitespace_cnt": 1}
    return _sequence(f'{{"name": {name}, "arguments": ', arguments, "}")


def _sequence(*elements: str | dict[str, Any]) -> dict[str, Any]:
    """A str: exactly that text."""
    texts = [{"type": "const_string", "value": each} if isinstance(each, str) else each for each in elements]
    return {"type": "sequence", "elements": texts}


def _name(choice: Any) -> str:
    try:
        # Clients that can send only texts, such as langchain-replicate, write the object as JSON.
        parsed = json_text.loads(choice) if isinstance(choice, str) else choice
    except ValueError:
        parsed = None
    match parsed:
        case {"type": "function", "function": {"name": str(name)}} if name:
            return name
    form = '{"type": "function", "function": {"name": …}}'
    raise InvalidInput(f"`tool_choice` must be auto, none, required or {form}, got {quote(choice)}.")
