"""The Responses API, and Granite's switches beside a chat, in the form of a chat's request.

Format: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from typing import Any

SWITCHES = ("citations", "hallucinations", "length", "originality")
"""Granite's controls, which a chat may give by the names of Cog's inputs, beside chat_template_kwargs."""


def switches(fields: dict[str, Any]) -> dict[str, Any] | None:
    """chat_template_kwargs, with the switches that stand beside it."""
    controls = {name: fields[name] for name in SWITCHES if fields.get(name) is not None}
    arguments = dict(fields.get("chat_template_kwargs") or {})
    if fields.get("thinking") is not None:
        arguments = {"thinking": fields["thinking"], **arguments}
    if controls:
        arguments["controls"] = {**controls, **(arguments.get("controls") or {})}
    return arguments or None


def message(item: dict[str, Any]) -> dict[str, Any]:
    """An item that vLLM made a turn of: its parts are texts under other names."""
    content = item.get("content")
    if isinstance(content, list):
        content = [
            {"type": "text", "text": part.get("text")}
            if isinstance(part, dict) and part.get("type") in ("input_text", "output_text")
            else part
            for part in content
        ]
    return {key: item[key] for key in ("role", "tool_calls", "tool_call_id") if key in item} | {"content": content}


def tool(definition: dict[str, Any]) -> dict[str, Any]:
    """vLLM writes null for what was left out, which the prompt would show."""
    function = {key: value for key, value in definition["function"].items() if value is not None}
    return {**definition, "function": function}


def tool_choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


def response_format(form: dict[str, Any] | None) -> dict[str, Any] | None:
    """`form`: `text.format`."""
    if form is None or form.get("type") != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {key: value for key, value in form.items() if key != "type"}}
