"""The calls that Granite writes, `<|tool_call|>[{"name": …, "arguments": {…}}]`, by vLLM's own parser.

Written against vLLM 0.32. Its streaming form serves both outputs: for one text it gives the same calls in any split,
where the form for whole texts drops what stands behind the list. Where it is not right for Granite 3.3: arguments that
the model writes as a JSON text come out empty, `<tool_call>` in prose is taken for 3.1's marker and left out, and a
call that is cut inside its name is not reported.
"""

from __future__ import annotations

import re
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.tokenizers import TokenizerLike
from vllm.tool_parsers.granite_engine_tool_parser import GraniteEngineToolParser

from granite.output.parser import Piece
from granite.request.control_tokens import CONTROL_TOKENS

_CONTROL_TOKEN = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))


class ToolCalls:
    def __init__(self, tokenizer: TokenizerLike, definitions: list[dict[str, Any]]) -> None:
        """`definitions`: OpenAI's, of the tools that may be called."""
        # What the parser reads of them: vLLM checks the rest by its own rules.
        functions = [{key: tool["function"].get(key) for key in ("name", "parameters")} for tool in definitions]
        tools = [{"type": "function", "function": function} for function in functions]
        self._request = ChatCompletionRequest.model_validate({"messages": [], "tools": tools})
        self._parser = GraniteEngineToolParser(tokenizer, self._request.tools)
        self._text = ""
        self._found = False

    def add(self, text: str) -> Piece:
        before, self._text = self._text, self._text + text
        # No token ids: they can be ahead of the text, and the marker is found in the text as well.
        return self._piece(
            self._parser.extract_tool_calls_streaming(before, self._text, text, [], [], [], self._request)
        )

    def end(self) -> Piece:
        piece = self._piece(self._parser.finish_streaming())
        if self._found:
            return piece
        # A list that holds no call is shown as it was written.
        return Piece(_CONTROL_TOKEN.sub("", self._text))

    def _piece(self, delta: Any) -> Piece:
        if delta is None:
            return Piece()
        calls = tuple(call.model_dump(exclude_none=True) for call in delta.tool_calls or ())
        self._found = self._found or bool(calls or delta.content)
        return Piece(content=delta.content or "", tool_calls=calls)
