"""A chat's turns, in OpenAI's form.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

from __future__ import annotations

from typing import Any

from granite.request import control_tokens, json_text
from granite.request.faults import Faults, shown

ROLES = ("system", "developer", "user", "assistant", "tool")

KEYS = {"role", "content", "tool_calls", "tool_call_id"}

NOT_TOLD = {
    *("name", "refusal", "annotations", "audio"),
    *("reasoning", "reasoning_content", "citations", "hallucinations"),
}
"""What a message may carry, so that an answer can be sent back as it came, and Granite's prompt has no place for."""


def text_of(content: Any) -> str:
    """The text of a message's content: a text, or the text parts of a list, joined."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def checked(faults: Faults, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns as the chat template wants them: `role`, `content` (a text) and, of an assistant, `tool_calls`.

    `developer` is OpenAI's newer name of `system`. What is wrong is added to `faults`.
    """
    turns = [_turn(faults, f"messages[{position}]", message) for position, message in enumerate(messages)]
    if not any(turn["role"] == "user" for turn in turns):
        faults.add("messages", "messages must hold a turn of the user: add one with role user.")
    return turns


def _turn(faults: Faults, where: str, message: dict[str, Any]) -> dict[str, Any]:
    role = message.get("role")
    if role not in ROLES:
        faults.add("messages", f"{where}.role must be one of {', '.join(ROLES)}, got {shown(role)}.")
    for key in sorted(message.keys() - KEYS - NOT_TOLD):
        # OpenAI's client sends null for what it once had.
        if message[key] is not None:
            faults.add("messages", f"{where} holds {shown(key)}, which no message has: leave it out.")
    turn = {"role": "system" if role == "developer" else role, "content": _content(faults, where, message)}
    if message.get("tool_calls") not in (None, []):
        if role == "assistant":
            turn["tool_calls"] = _tool_calls(faults, f"{where}.tool_calls", message["tool_calls"])
        else:
            faults.add("messages", f"{where}.tool_calls must be left out of a turn that is not the assistant's.")
    return turn


def _content(faults: Faults, where: str, message: dict[str, Any]) -> str:
    where, content = f"{where}.content", message.get("content")
    if isinstance(content, list):
        for position, part in enumerate(content):
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                faults.add(
                    "messages", f'{where}[{position}] must be {{"type": "text", "text": …}}: Granite reads text.'
                )
    elif not isinstance(content, str) and not (content is None and message.get("tool_calls")):
        faults.add("messages", f"{where} must be a text or a list of text parts, got {shown(content)}.")
    text = text_of(content)
    # On the joined text: parts could each hold a piece of a token.
    control_tokens.refuse(faults, "messages", text, where)
    return text


def _tool_calls(faults: Faults, where: str, calls: Any) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        faults.add("messages", f"{where} must be a list, got {shown(calls)}.")
        return []
    return [_tool_call(faults, f"{where}[{position}]", call) for position, call in enumerate(calls)]


def _tool_call(faults: Faults, where: str, call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        faults.add("messages", f'{where} must name its function: write {{"function": {{"name": …}}}}.')
        return {"function": {"name": "", "arguments": {}}}
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json_text.loads(arguments or "{}")
        except ValueError:
            arguments = None
    if not isinstance(arguments, dict):
        faults.add("messages", f"{where}.function.arguments must be a JSON object.")
    control_tokens.refuse(faults, "messages", [function["name"], arguments], where)
    return {"function": {"name": function["name"], "arguments": arguments}}
