"""A body of the Responses API in a chat's terms.

Format: https://platform.openai.com/docs/api-reference/responses/create. Nothing is stored: every request carries its history.
"""

from dataclasses import replace
from typing import Any, Literal

from pydantic import TypeAdapter

from granite.errors import InvalidInput, quote
from granite.openai_api import fields
from granite.openai_api.fields import Call
from granite.request import shape
from granite.request.inputs import Inputs
from granite.request.shape import Shape

SAME = fields.CHAT | fields.FURTHER | {"stream_options", "parallel_tool_calls"}
SAME -= {"messages", "tools", "tool_choice", "response_format", "max_tokens", "max_completion_tokens", "logprobs"}
"""Fields that a chat has under the same name."""

OWN = {"input", "instructions", "text", "max_output_tokens", "tools", "tool_choice"}


class _Text(Shape, extra="forbid"):
    format: Any = None
    verbosity: Literal["medium"] = "medium"


_TEXT = TypeAdapter(_Text)


def response(body: dict[str, Any], defaults: Inputs) -> Call:
    """Raises InvalidInput."""
    given = fields.known_fields(body, SAME | OWN)
    if "input" not in given:
        raise InvalidInput("`input` is missing; give a text or a list of items.")
    tools, text = given.get("tools"), shape.check(_TEXT, given.get("text", {}), "text")
    system = [{"role": "system", "content": given["instructions"]}] if "instructions" in given else []
    chat = {
        **{name: value for name, value in given.items() if name in SAME},
        "messages": system + _messages(given["input"]),
        "tools": [_nested(tool, "function") for tool in tools] if isinstance(tools, list) else tools,
        "tool_choice": _nested(given.get("tool_choice"), "function"),
        "response_format": _nested(text.format, "json_schema"),
        "max_tokens": given.get("max_output_tokens"),
    }
    return replace(fields.chat(chat, defaults), response=given)


def _messages(given: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for i, item in enumerate(given if isinstance(given, list) else [{"role": "user", "content": given}]):
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
    """A chat has one type of text. Invalid parts pass through; the checks of a chat refuse them."""
    match content:
        case list():
            return [_content(part) for part in content]
        case {"type": "input_text" | "output_text"}:
            return {"type": "text", "text": content.get("text")}
    return content


def _nested(value: Any, kind: str) -> Any:
    """A chat has one level more: `{"type": kind, kind: {…}}`. An invalid value passes through, too."""
    if not isinstance(value, dict) or value.get("type") != kind:
        return value
    return {"type": kind, kind: {name: each for name, each in value.items() if name != "type"}}
