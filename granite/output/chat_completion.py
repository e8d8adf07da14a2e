"""The answer to a chat as OpenAI's objects: one `chat.completion`, or a `chat.completion.chunk` for each new text.

Format: https://platform.openai.com/docs/api-reference/chat/object and …/chat-streaming, with `reasoning_content` (and
`reasoning`), `citations` and `hallucinations` beside OpenAI's fields.
"""

from collections.abc import Sequence
from typing import Any

from granite.output.answer import Answer, Delta
from granite.output.completion import Completion
from granite.output.grounding import Grounding
from granite.output.logprobs import TokenLogprob
from granite.output.message import MessageDelta, Parser, message, read
from granite.output.stream_text import Scrubbed
from granite.output.thinking import Thinking
from granite.output.tool_calls import ToolCalls
from granite.request.conversation import Conversation
from granite.request.request import Request

END_OF_TEXT = "<|end_of_text|>"


class ChatCompletion(Completion):
    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(self, request: Request, answers: Sequence[Answer], model: str, request_id: str) -> None:
        """`answers`: all to the same prompt."""
        choices = [_Choice(index, parsers(request.conversation), answer) for index, answer in enumerate(answers)]
        super().__init__(f"chatcmpl-{request_id}", model, choices, answers[:1], answers)


class _Choice:
    def __init__(self, index: int, parsers: Sequence[Parser], answer: Answer) -> None:
        self._index = index
        self._parsers = parsers
        self._answer = answer
        self._deltas: list[MessageDelta] = []
        self._logprobs: list[TokenLogprob] = []
        self._streamed = 0
        """How many of the log probabilities are in a chunk."""

    def add(self, delta: Delta) -> list[dict[str, Any]]:
        self._logprobs += delta.logprobs
        if delta.finish_reason == "stop" and delta.logprobs and delta.logprobs[-1]["token"] == END_OF_TEXT:
            # It ends the answer, but is no part of it.
            self._logprobs.pop()
        return self._chunk(read(self._parsers, delta.text))

    def end(self) -> list[dict[str, Any]]:
        return [*self._chunk(read(self._parsers, "", end=True)), self._delta({}, self._finish_reason)]

    def whole(self) -> dict[str, Any]:
        return self._object("message", message(self._deltas), self._finish_reason, self._logprobs)

    def _chunk(self, delta: MessageDelta) -> list[dict[str, Any]]:
        first: dict[str, Any] = {} if self._deltas else {"role": "assistant", "content": ""}
        self._deltas.append(delta)
        changed = first | delta.chunk()
        return [self._delta(changed, None)] if changed else []

    def _delta(self, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        """Log probabilities go with the next chunk: the text of their tokens may have been held back."""
        new, self._streamed = self._logprobs[self._streamed :], len(self._logprobs)
        return self._object("delta", delta, finish_reason, new)

    def _object(self, name: str, value: dict[str, Any], finish_reason: str | None, tokens: list[Any]) -> dict[str, Any]:
        logprobs = {"content": tokens} if tokens else None
        return {"index": self._index, name: value, "finish_reason": finish_reason, "logprobs": logprobs}

    @property
    def _finish_reason(self) -> str:
        reason = "length" if self._answer.finish_reason == "length" else "stop"
        # A call that max_tokens cut is not one to make.
        return "tool_calls" if reason == "stop" and any(delta.tool_calls for delta in self._deltas) else reason


def parsers(conversation: Conversation) -> list[Parser]:
    """The parsers of the answer to a conversation; without any, all text is content."""
    if conversation.controls.thinking:
        return [Thinking()]
    calls = [ToolCalls()] if conversation.tools.callable else []
    if conversation.controls.grounded:
        return [*calls, Grounding(conversation.documents)]
    return [*calls, Scrubbed()] if calls else []
