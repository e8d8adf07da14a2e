"""The answer to a chat as OpenAI's objects: one `chat.completion`, or a `chat.completion.chunk` for each new text.

Format: https://platform.openai.com/docs/api-reference/chat/object and …/chat-streaming, with `reasoning_content` (and
`reasoning`), `citations` and `hallucinations` beside OpenAI's fields.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from granite.output.answer import FINISH_REASONS, Answer, Delta, usage
from granite.output.grounding import Grounding
from granite.output.logprobs import TokenLogprob
from granite.output.message import MessageDelta, Parser, Verbatim, message
from granite.output.stream_text import Scrubbed
from granite.output.thinking import Thinking
from granite.output.tool_calls import ToolCalls
from granite.request.conversation import Conversation
from granite.request.request import Request

END_OF_TEXT = "<|end_of_text|>"


class ChatCompletion:
    """One choice for each answer; each answer is complete when `end` is called for it."""

    def __init__(self, request: Request, answers: Sequence[Answer], model: str, request_id: str) -> None:
        self._choices = [_Choice(index, parser(request.conversation), answer) for index, answer in enumerate(answers)]
        self._head = {"id": f"chatcmpl-{request_id}", "created": int(time.time()), "model": model}

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        """The chunks to stream now."""
        return self._chunks(self._choices[index].add(delta))

    def end(self, index: int) -> list[dict[str, Any]]:
        """The last chunks of one choice."""
        return self._chunks(self._choices[index].end())

    def usage_chunk(self) -> dict[str, Any]:
        return {"object": "chat.completion.chunk", **self._head, "choices": [], "usage": self._usage}

    def whole(self) -> dict[str, Any]:
        choices = [choice.whole() for choice in self._choices]
        return {"object": "chat.completion", **self._head, "choices": choices, "usage": self._usage}

    def _chunks(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"object": "chat.completion.chunk", **self._head, "choices": [choice]} for choice in choices]

    @property
    def _usage(self) -> dict[str, int]:
        """The prompt is the same for all choices."""
        answers = [choice.answer for choice in self._choices]
        return usage(answers[0].prompt_tokens, sum(answer.tokens for answer in answers))


class _Choice:
    def __init__(self, index: int, parser: Parser, answer: Answer) -> None:
        self.answer = answer
        self._index = index
        self._parser = parser
        self._deltas: list[MessageDelta] = []
        self._logprobs: list[TokenLogprob] = []
        self._streamed = 0
        """How many of the log probabilities are in a chunk."""

    def add(self, delta: Delta) -> list[dict[str, Any]]:
        self._logprobs += delta.logprobs
        if delta.finish_reason == "stop" and delta.logprobs and delta.logprobs[-1]["token"] == END_OF_TEXT:
            # It ends the answer, but is no part of it.
            self._logprobs.pop()
        return self._chunk(self._parser.add(delta.text))

    def end(self) -> list[dict[str, Any]]:
        return [*self._chunk(self._parser.end()), self._delta({}, self._finish_reason)]

    def whole(self) -> dict[str, Any]:
        return {
            "index": self._index,
            "message": message(self._deltas),
            "finish_reason": self._finish_reason,
            "logprobs": {"content": self._logprobs} if self._logprobs else None,
        }

    def _chunk(self, delta: MessageDelta) -> list[dict[str, Any]]:
        first: dict[str, Any] = {} if self._deltas else {"role": "assistant", "content": ""}
        self._deltas.append(delta)
        changed = first | delta.chunk()
        return [self._delta(changed, None)] if changed else []

    def _delta(self, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        """Log probabilities go with the next chunk: the text of their tokens may have been held back."""
        new, self._streamed = self._logprobs[self._streamed :], len(self._logprobs)
        logprobs = {"content": new} if new else None
        return {"index": self._index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}

    @property
    def _finish_reason(self) -> str:
        reason = FINISH_REASONS[self.answer.finish_reason or "stop"]
        # A call that max_tokens cut is not one to make.
        return "tool_calls" if reason == "stop" and any(delta.tool_calls for delta in self._deltas) else reason


def parser(conversation: Conversation) -> Parser:
    """The parser of the answer to a conversation."""
    if conversation.controls.thinking:
        return Thinking()
    calls = ToolCalls() if conversation.tools.callable else Verbatim()
    if conversation.controls.grounded:
        return Grounding(calls, conversation.documents)
    return Scrubbed(calls) if conversation.tools.callable else calls
