"""Our parser of Granite's answers in vLLM's form, so that both doors read an answer alike. Imports vLLM.

Written against vLLM 0.32: its server makes one `Parser` for each answer, and asks it for a whole message (`parse`) or
for what a stream's next bit adds (`parse_delta`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from vllm.entrypoints.generate.base.protocol import DeltaMessage, FunctionCall
from vllm.parser import Parser
from vllm.tool_parsers import ToolParser

from granite.openai_api import asked
from granite.output import chat_completion as chat
from granite.output import output
from granite.output.parser import Parser as Reader


class GraniteParser(Parser):
    """Thoughts, tool calls, citations and hallucinations of one answer."""

    # vLLM's server asks whether there is one, and does nothing more with it.
    tool_parser_cls = ToolParser

    lists: dict[str, Any]
    """Citations and hallucinations of a whole message: vLLM has no place for them in what `parse` returns."""

    @cached_property
    def _reader(self) -> Reader:
        # Not sooner: vLLM makes its parser before the request was rendered.
        conversation = asked.current.get().conversation
        assert conversation is not None
        return output.parser(conversation)

    def is_reasoning_end(self, input_ids: list[int]) -> bool:
        """Thoughts are text: no token of a prompt says that they have ended."""
        return False

    def parse(
        self,
        model_output: str,
        request: Any,
        enable_auto_tools: bool = False,
        model_output_token_ids: Sequence[int] = (),
    ) -> tuple[str | None, str | None, list[FunctionCall] | None]:
        """Reasoning, content and calls of a whole answer."""
        message = chat.message([self._reader.add(model_output), self._reader.end()])
        calls = [FunctionCall(id=call["id"], **call["function"]) for call in message.pop("tool_calls", [])]
        message.pop("reasoning_content", None)
        content, reasoning = message.pop("content"), message.pop("reasoning", None)
        self.lists = message
        return reasoning, content, calls

    def parse_delta(
        self,
        delta_text: str,
        delta_token_ids: list[int],
        request: Any,
        prompt_token_ids: list[int] | None = None,
        *,
        finished: bool,
    ) -> DeltaMessage | None:
        """What a bit of text adds to the message; None where that is nothing yet."""
        piece = self._reader.add(delta_text)
        added = chat.added(piece + self._reader.end() if finished else piece)
        return DeltaMessage(**added) if added else None
