"""A body of the Responses API in a chat's terms.

Format: https://platform.openai.com/docs/api-reference/responses/create. Nothing is stored: every request carries its history.
"""

from __future__ import annotations

from typing import Any

from granite.errors import InvalidInput, quote
from granite.openai_api import fields
from granite.request import shape

SAME = (*fields.SAMPLING, *fields.GRANITE, *fields.COMMON, "parallel_tool_calls", "top_logprobs")
"""Fields that a chat has under the same name."""

KNOWN = frozenset((*SAME, "input", "instructions", "text", "max_output_tokens", "include", "tools", "tool_choice"))

TEXT_TYPES = ("input_text", "output_text", "text")
LOGPROBS = "message.output_text.logprobs"


def chat_body(body: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidInput. Invalid items pass through; the checks of a chat refuse them."""
    fields.check_names(body, KNOWN)
    if not fields.is_set(body.get("input")):
        raise InvalidInput("`input` is missing; give a text or a list of items.")
    include = body.get("include") or []
    if not isinstance(include, list):
        raise InvalidInput(f"`include` must be a list, got {quote(include)}.")
    return {
        **{name: body[name] for name in SAME if name in body},
        "messages": _messages(body),
        "tools": _tools(body.get("tools")),
        "tool_choice": _tool_choice(body.get("tool_choice")),
        "response_format": _response_format(body.get("text")),
        "max_tokens": body.get("max_output_tokens"),
        "logprobs": LOGPROBS in include or bool(body.get("top_logprobs")),
    }


def _messages(body: dict[str, Any]) -> list[Any]:
    messages: list[Any] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    for i, item in enumerate(items):
        match item:
            case {"type": "reasoning"}:
                pass  # Granite's prompt has no place for the thoughts of an earlier answer
            case {"type": "function_call"}:
                function = {"name": item.get("name"), "arguments": item.get("arguments")}
                call = {"id": item.get("call_id"), "type": "function", "function": function}
                if messages and messages[-1].get("tool_calls"):
                    messages[-1]["tool_calls"].append(call)
                else:
                    messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            case {"type": "function_call_output"}:
                content = _content(item.get("output"))
                messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": content})
            case dict() if item.get("type") in (None, "message"):
                messages.append({"role": item.get("role"), "content": _content(item.get("content"))})
            case _:
                kind = shape.code(item["type"]) if isinstance(item, dict) else quote(item)
                raise InvalidInput(f"`input[{i}]` must be a message, a function call or its output, got {kind}.")
    return messages


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return [
        {"type": "text", "text": part.get("text")}
        if isinstance(part, dict) and part.get("type") in TEXT_TYPES
        else part
        for part in content
    ]


def _tools(given: Any) -> Any:
    if not isinstance(given, list):
        return given
    return [
        {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
        if isinstance(tool, dict) and tool.get("type") == "function"
        else tool
        for tool in given
    ]


def _tool_choice(choice: Any) -> Any:
    match choice:
        case {"type": "function", "name": name}:
            return {"type": "function", "function": {"name": name}}
    return choice


def _response_format(text: Any) -> Any:
    """`text.format`."""
    if text is None:
        return None
    if not isinstance(text, dict):
        raise InvalidInput(f"`text` must be an object, got {quote(text)}.")
    for name, value in text.items():
        if name != "format" and value not in (None, "medium"):  # the default of `verbosity`
            raise InvalidInput(f"`text` has an unknown field {shape.code(name)}; remove it.")
    wanted = text.get("format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return wanted
    return {"type": "json_schema", "json_schema": {key: value for key, value in wanted.items() if key != "type"}}
