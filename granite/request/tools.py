"""Functions that the model may call, in OpenAI's form, and which of them it must.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from granite.request import control_tokens, key_order
from granite.request.faults import Faults, shown

CHOICES = ("auto", "none", "required")

MOST_CALLS = 4
"""Calls of an answer that must call: where all that may follow is another call, a model goes on to its last token."""


@dataclass(frozen=True)
class Tools:
    """`definitions`: OpenAI's. `choice`: one of CHOICES, or the name of the function to call."""

    definitions: tuple[dict[str, Any], ...] = ()
    choice: str = "auto"
    named: bool = False

    @property
    def callable(self) -> bool:
        """Whether the answer may hold calls."""
        return bool(self.definitions) and (self.named or self.choice != "none")

    @property
    def bias(self) -> dict[int, float]:
        """Keeps the model from calling what it is told of and must not call."""
        return {control_tokens.TOOL_CALL_ID: -100.0} if self.definitions and not self.callable else {}

    @property
    def forced(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of the arguments of each function of which one must be called; empty where none must."""
        if not self.named and self.choice != "required":
            return {}
        functions = [tool["function"] for tool in self.definitions]
        return {
            function["name"]: {"type": "object", **(function.get("parameters") or {})}
            for function in functions
            if not self.named or function["name"] == self.choice
        }

    def grammar(self) -> dict[str, Any]:
        """A forced answer as xgrammar's structural tag: Granite's own form of a call, its arguments by their schema.

        Format: https://xgrammar.mlc.ai/docs/tutorials/structural_tag.html
        """
        call = {"type": "or", "elements": [_call(name, schema) for name, schema in self.forced.items()]}
        more = {"type": "sequence", "elements": [{"type": "const_string", "value": ", "}, call]}
        most = 0 if self.named else MOST_CALLS - 1
        return {
            "type": "sequence",
            "elements": [
                {"type": "token", "token": control_tokens.TOOL_CALL_ID},
                {"type": "const_string", "value": "["},
                call,
                *([{"type": "repeat", "min": 0, "max": most, "content": more}] if most else []),
                {"type": "const_string", "value": "]"},
            ],
        }

    @classmethod
    def checked(cls, faults: Faults, tools: list[dict[str, Any]] | None, choice: str | dict[str, Any] | None) -> Tools:
        if not tools:
            if choice is not None:
                faults.add("tool_choice", "tool_choice needs tools: give them, or leave it out.")
            return cls()
        names = [_name(faults, f"tools[{position}]", tool) for position, tool in enumerate(tools)]
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            faults.add("tools", f"tools must have a name each, but two are called {shown(name)}.")
        definitions = tuple(key_order.of_tool(tool) for tool in tools)
        if choice is None:
            return cls(definitions)
        chosen, named = _choice(faults, choice)
        if named and chosen not in names:
            known = ", ".join(shown(name) for name in names)
            faults.add("tool_choice", f"tool_choice names the function {shown(chosen)}, but tools has {known}.")
        return cls(definitions, chosen, named)


def _call(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "sequence",
        "elements": [
            {"type": "const_string", "value": f'{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": '},
            {"type": "json_schema", "json_schema": schema, "max_whitespace_cnt": 1},
            {"type": "const_string", "value": "}"},
        ],
    }


def _name(faults: Faults, where: str, tool: dict[str, Any]) -> str:
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, dict):
        faults.add("tools", f'{where} must be {{"type": "function", "function": {{"name": …}}}}.')
        return ""
    control_tokens.refuse(faults, "tools", tool, where)
    parameters = function.get("parameters")
    if parameters is not None and (not isinstance(parameters, dict) or parameters.get("type", "object") != "object"):
        faults.add(
            "tools", f"{where}.function.parameters must be a JSON schema of type object, got {shown(parameters)}."
        )
    name = function.get("name")
    if not isinstance(name, str) or not name:
        faults.add("tools", f"{where}.function.name must be the function's name, got {shown(name)}.")
        return ""
    return name


def _choice(faults: Faults, choice: str | dict[str, Any]) -> tuple[str, bool]:
    """The choice, and whether it is a function's name."""
    if isinstance(choice, str):
        if choice in CHOICES:
            return choice, False
        try:
            # Clients that know texts alone write the object as JSON.
            parsed = json.loads(choice)
        except ValueError:
            parsed = choice
    else:
        parsed = choice
    function = parsed.get("function") if isinstance(parsed, dict) and parsed.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if isinstance(name, str) and name:
        return name, True
    faults.add(
        "tool_choice",
        f"tool_choice must be {', '.join(CHOICES)} or a named function such as "
        f'{{"type": "function", "function": {{"name": "get_weather"}}}}, got {shown(choice)}.',
    )
    return "auto", False
