"""Functions that the model may call, in OpenAI's form, and which of them it must.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from granite.request import control_tokens, json_text, key_order
from granite.request.faults import Faults, shown

CHOICES = ("auto", "none", "required")

MOST_CALLS = 4
"""Calls of an answer that must call: where all that may follow is another call, a model goes on to its last token."""


@dataclass(frozen=True)
class Tools:
    """`definitions`: OpenAI's. `choice`: one of CHOICES. `named`: the one function that must be called, if there is one."""

    definitions: tuple[dict[str, Any], ...] = ()
    choice: str = "auto"
    named: str | None = None

    @property
    def callable(self) -> bool:
        """Whether the answer may hold calls."""
        return bool(self.definitions) and self.choice != "none"

    @property
    def bias(self) -> dict[int, float]:
        """Keeps the model from calling what it is told of and must not call."""
        return {control_tokens.TOOL_CALL_ID: -100.0} if self.definitions and not self.callable else {}

    @property
    def forced(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of the arguments of each function of which one must be called; empty where none must."""
        if self.choice != "required":
            return {}
        return {
            function["name"]: {"type": "object", **(function.get("parameters") or {})}
            for function in (tool["function"] for tool in self.definitions)
            if self.named in (None, function["name"])
        }

    def grammar(self) -> dict[str, Any]:
        """A forced answer as xgrammar's structural tag: Granite's own form of a call, its arguments by their schema.

        Format: https://xgrammar.mlc.ai/docs/tutorials/structural_tag.html
        """
        call = {"type": "or", "elements": [_call(name, schema) for name, schema in self.forced.items()]}
        more = {"type": "sequence", "elements": [{"type": "const_string", "value": ", "}, call]}
        most = MOST_CALLS - 1 if self.named is None else 0
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
        # One that is wrong is left out: what else is wrong is still looked for.
        names = [_name(faults, f"tools[{position}]", tool) for position, tool in enumerate(tools)]
        definitions = tuple(key_order.of_tool(tool) for tool, name in zip(tools, names, strict=True) if name)
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            faults.add("tools", f"tools must have a name each, but two are called {shown(name)}.")
        chosen, named = ("auto", None) if choice is None else _choice(faults, choice)
        if named is not None and named not in names:
            known = ", ".join(shown(name) for name in names if name)
            faults.add(
                "tool_choice", f"tool_choice names the function {shown(named)}, but tools has {known or 'none'}."
            )
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


def _name(faults: Faults, where: str, tool: dict[str, Any]) -> str | None:
    """The function's name; None for a tool that is none."""
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, dict):
        faults.add("tools", f'{where} must be {{"type": "function", "function": {{"name": …}}}}.')
        return None
    control_tokens.refuse(faults, "tools", tool, where)
    name, parameters = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not name:
        faults.add("tools", f"{where}.function.name must be the function's name, got {shown(name)}.")
        name = None
    if parameters is not None and (not isinstance(parameters, dict) or parameters.get("type", "object") != "object"):
        faults.add(
            "tools", f"{where}.function.parameters must be a JSON schema of type object, got {shown(parameters)}."
        )
        return None
    return name


def _choice(faults: Faults, choice: str | dict[str, Any]) -> tuple[str, str | None]:
    """The choice, and the name of the function that it forces, if it names one."""
    if isinstance(choice, str) and choice in CHOICES:
        return choice, None
    try:
        # Clients that know texts alone write the object as JSON.
        parsed = json_text.loads(choice) if isinstance(choice, str) else choice
    except ValueError:
        parsed = None
    function = parsed.get("function") if isinstance(parsed, dict) and parsed.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if isinstance(name, str) and name:
        return "required", name
    faults.add(
        "tool_choice",
        f"tool_choice must be {', '.join(CHOICES)} or a named function such as "
        f'{{"type": "function", "function": {{"name": "get_weather"}}}}, got {shown(choice)}.',
    )
    return "auto", None
