"""A chat's messages, in OpenAI's format, and documents.

Format: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from granite.errors import InvalidInput, quote
from granite.request import control_tokens, json_text, shape
from granite.request.shape import Shape, Text

IGNORED = {
    *("name", "tool_call_id", "refusal", "annotations", "audio"),
    *("reasoning", "reasoning_content", "citations", "hallucinations"),
}
"""Fields that Granite's prompt has no place for. Accepted, so that an answer can be sent back as it came."""


def text_of(content: Any) -> str:
    """The text of a message's content, its text parts joined as the chat template joins them."""
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "".join(part for part in parts if isinstance(part, str))


def _parts(content: Any) -> Any:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise ValueError(f"must be a text or a list of text parts, got {quote(content)}.")
    return content


def _arguments(arguments: Any) -> dict[str, Any]:
    try:
        value = json_text.loads(arguments or "{}") if isinstance(arguments, str) else arguments or {}
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object.")
    return value


class _Part(Shape):
    type: Literal["text"]
    text: str


class _Function(Shape):
    name: Text
    arguments: Annotated[dict[str, Any], BeforeValidator(_arguments)] = Field(default_factory=dict)


class _ToolCall(Shape):
    function: _Function


class _Message(Shape, extra="forbid"):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[list[_Part], Field(fail_fast=True), BeforeValidator(_parts)] = Field(default_factory=list)
    tool_calls: Annotated[list[_ToolCall], Field(fail_fast=True)] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, given: dict[str, Any]) -> dict[str, Any]:
        """OpenAI's client sends null for fields that are not set."""
        return {key: value for key, value in given.items() if value is not None and key not in IGNORED}


_Name = Annotated[str, Field(strict=False, coerce_numbers_to_str=True)]


class _Document(Shape, extra="forbid"):
    doc_id: _Name | None = None
    title: _Name | None = None
    text: str


_MESSAGE, _DOCUMENT = TypeAdapter(_Message), TypeAdapter(_Document)


def messages(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages as the chat template reads them: `role`, `content` (a text) and, of an assistant, `tool_calls`.

    `developer` is OpenAI's newer name of `system`.
    """
    checked = [_message(f"messages[{i}]", shape.check(_MESSAGE, each, "messages", i)) for i, each in enumerate(given)]
    if not any(message["role"] == "user" for message in checked):
        raise InvalidInput("`messages` has no message with role user; add one.")
    return checked


def _message(where: str, message: _Message) -> dict[str, Any]:
    if not message.tool_calls and "content" not in message.model_fields_set:
        raise InvalidInput(f"`{where}.content` is missing.")
    if message.tool_calls and message.role != "assistant":
        raise InvalidInput(f"`{where}.tool_calls` requires role assistant; remove it.")
    # Joined first: each part could contain a piece of a control token.
    content = "".join(part.text for part in message.content)
    control_tokens.refuse(f"{where}.content", content)
    calls = [call.model_dump() for call in message.tool_calls]
    control_tokens.refuse(f"{where}.tool_calls", calls)
    role = "system" if message.role == "developer" else message.role
    return {"role": role, "content": content, **({"tool_calls": calls} if calls else {})}


def documents(given: list[dict[str, Any]] | None) -> list[dict[str, str]]:
    """Return each document's `doc_id` and `text`. A document without an id gets its title, else its number from 1."""
    checked = []
    for i, each in enumerate(given or []):
        document = shape.check(_DOCUMENT, each, "documents", i)
        control_tokens.refuse(f"documents[{i}]", [document.doc_id, document.title, document.text])
        checked.append({"doc_id": document.doc_id or document.title or str(i + 1), "text": document.text})
    return checked
