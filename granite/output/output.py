"""Which form an answer takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from granite.output.answer import Answer, Delta
from granite.output.chat_completion import Completion, CompletionChunks
from granite.output.grounding import Grounding
from granite.output.parser import Parser, Verbatim
from granite.output.scrubbed import Scrubbed
from granite.output.text import Text
from granite.output.thinking import Thoughts
from granite.output.tool_calls import ToolCalls
from granite.request.conversation import Conversation
from granite.request.inputs import Inputs


class Output(Protocol):
    """Makes the chunks that Cog sends of what the engine produces; works on the request's own thread."""

    def add(self, delta: Delta) -> Iterator[str]: ...

    def end(self) -> Iterator[str]:
        """What is left to send when the answer is complete; not called for one that failed or was canceled."""


def needs_markers(inputs: Inputs, conversation: Conversation) -> bool:
    """Whether the answer's special tokens are read: those of tool calls and of citations."""
    return inputs.chat and (conversation.tools.callable or conversation.controls.grounded)


def of(inputs: Inputs, conversation: Conversation, answer: Answer, model: str, request_id: str) -> Output:
    if not inputs.chat:
        return Text()
    form = CompletionChunks if inputs.stream else Completion
    return form(parser(conversation), answer, model, request_id)


def parser(conversation: Conversation) -> Parser:
    """Of the answer to a chat."""
    if conversation.controls.thinking:
        return Thoughts()
    calls = ToolCalls() if conversation.tools.callable else Verbatim()
    if conversation.controls.grounded:
        return Grounding(calls, conversation.documents, conversation.controls.told)
    return Scrubbed(calls) if conversation.tools.callable else calls
