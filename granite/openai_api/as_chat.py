"""The Responses API, and Granite's switches beside a chat, in the form of a chat's request.

Format: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from typing import Any

from granite.request.controls import CHOICES

TEXTS = ("input_text", "output_text", "text")
"""Names of a part that is a text."""


def switches(body: dict[str, Any]) -> Any:
    """chat_template_kwargs, with thinking and the controls that stand beside it by the names of Cog's inputs."""
    given = body.get("chat_template_kwargs")
    beside = {name: body[name] for name in CHOICES if body.get(name) is not None}
    if not isinstance(given, dict | None) or not isinstance((given or {}).get("controls"), dict | None):
        return given  # the check of it says so
    arguments = dict(given or {})
    if body.get("thinking") is not None:
        arguments = {"thinking": body["thinking"], **arguments}
    if beside:
        arguments["controls"] = {**beside, **(arguments.get("controls") or {})}
    return arguments or None


def messages(body: dict[str, Any]) -> list[Any]:
    """`instructions` and `input` as turns. What is none is left as it is, for the check of a chat to refuse."""
    turns: list[Any] = []
    if body.get("instructions"):
        turns.append({"role": "system", "content": body["instructions"]})
    asked = body.get("input")
    for item in asked if isinstance(asked, list) else [{"role": "user", "content": asked}]:
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind == "reasoning":
            continue  # Granite's prompt has no place for the thoughts of an earlier answer
        if kind == "function_call":
            call = {"id": item.get("call_id"), "type": "function"}
            call["function"] = {"name": item.get("name"), "arguments": item.get("arguments")}
            if turns and isinstance(turns[-1], dict) and turns[-1].get("tool_calls"):
                turns[-1]["tool_calls"].append(call)
            else:
                turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            turns.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": _content(item.get("output"))})
        elif kind == "message":
            turns.append({"role": item.get("role"), "content": _content(item.get("content"))})
        else:
            turns.append(item)
    return turns


def tools(body: dict[str, Any]) -> list[Any] | None:
    """The functions; a tool of another kind is left as it is, for the check to refuse."""
    given = body.get("tools") or None
    if not isinstance(given, list):
        return given
    return [_tool(tool) for tool in given]


def tool_choice(body: dict[str, Any]) -> Any:
    """None where there are no tools."""
    choice = body.get("tool_choice") if body.get("tools") else None
    if isinstance(choice, dict) and choice.get("type") == "function" and "name" in choice:
        return {"type": "function", "function": {"name": choice["name"]}}
    return choice


def response_format(body: dict[str, Any]) -> Any:
    """`text.format`."""
    text = body.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {key: value for key, value in form.items() if key != "type"}}


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return tool
    function = {key: value for key, value in tool.items() if key != "type" and value is not None}
    return {"type": "function", "function": function}


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return [
        {"type": "text", "text": part.get("text")} if isinstance(part, dict) and part.get("type") in TEXTS else part
        for part in content
    ]
