"""The calls that Granite writes: `<|tool_call|>[{"name": …, "arguments": {…}}]`, read while they are generated.

vLLM's parser for Granite is not used. It reads a call's arguments anew with each token: with vLLM 0.32 one call of 4,000
words, token by token, took 93 s of one core while all other requests waited. It also loses arguments written as a JSON
string, a call that is cut inside its name, text after the list in a whole answer, and `<tool_call>` in prose. That is the
marker of Granite 3.1; it opens a list here because it does in IBM's own parser.
"""

import json
import re
import uuid
from typing import Any

from granite.output.message import MessageDelta
from granite.output.stream_text import Tags
from granite.request import json_text

MARKERS = ("<|tool_call|>", "<tool_call>")
CONTENT, MARKED, LIST, CALL, VALUE = range(5)
"""How deep a text is: outside of a list, after its marker, in it, in a call, in a value of the call or deeper."""

PIECE = re.compile(r'["\\{}\[\]]|[^"\\{}\[\]]+')


class ToolCalls:
    """Text that is no list of calls stays content, as it was written."""

    def __init__(self) -> None:
        self._tags = Tags(MARKERS)
        self._depth = CONTENT
        self._quoted = self._escaped = False
        self._text: list[str] = []
        """What was read since it was last certain to be a call."""
        self._calls = 0
        self._begun = False
        """Whether the call's name is in a delta."""
        self._streaming = False
        self._arguments: list[str] = []
        """The call's that are not in a delta yet."""
        self._written = [(0, "", self._arguments)]
        """The index, the name if it is new, and the new arguments of each call."""
        self._content: list[str] = []

    def read(self, text: str, *, end: bool = False) -> MessageDelta:
        for part in self._tags.split(text, end=end):
            self._read(part)
        if end and self._depth > CONTENT:
            self._close()
        calls = tuple(_delta(*each) for each in self._written if each[1] or each[2])
        delta = MessageDelta("".join(self._content), tool_calls=calls)
        self._content, self._arguments = [], []
        self._written = [(self._calls, "", self._arguments)]
        return delta

    def _read(self, part: str) -> None:
        if part in MARKERS and self._depth <= MARKED:
            self._depth = MARKED
            self._text.append(part)
            return
        for piece in PIECE.findall(part):
            if self._depth == CONTENT:
                self._content.append(piece)
            else:
                self._step(piece)

    def _step(self, piece: str) -> None:
        (self._arguments if self._streaming else self._text).append(piece)
        if self._quoted:
            self._quoted = piece != '"' or self._escaped
            self._escaped = piece == "\\" and not self._escaped
        elif self._depth < CALL:
            if (self._depth, piece) in ((MARKED, "["), (LIST, "{")):
                self._depth += 1
            elif self._depth == LIST and piece == "]" and self._calls:
                self._depth = CONTENT
                self._text.clear()
            elif piece.strip(" \t\r\n,"):
                self._give_up()
        elif piece == '"':
            self._quoted = True
        elif piece in "{[":
            self._depth += 1
            if self._depth == VALUE and not self._begun:
                self._open_value()
        elif piece in "}]":
            self._depth -= 1
            if self._depth == CALL:
                self._streaming = False
            elif self._depth == LIST:
                self._close()

    def _open_value(self) -> None:
        """Stream it if it is the arguments and the name is known."""
        call = _call("".join(self._text) + "}}")
        if call and [*call][-1] == "arguments":
            self._write(call["name"], "{")
            self._streaming = True

    def _close(self) -> None:
        """End the call."""
        if not self._begun:
            text = "".join(self._text)
            # The model may forget the brace, or max_tokens cut it.
            call = _call(text) or _call(text.removesuffix("]") + "}")
            if not call:
                self._give_up()
                return
            self._write(call["name"], _arguments(call.get("arguments")))
        self._calls += 1
        self._begun = False
        self._text.clear()

    def _give_up(self) -> None:
        """The text is no list of calls, or no longer."""
        self._content += self._text
        self._text.clear()
        self._depth = CONTENT

    def _write(self, name: str, arguments: str) -> None:
        self._begun = True
        self._arguments = [arguments]
        self._written.append((self._calls, name, self._arguments))


def _delta(index: int, name: str, arguments: list[str]) -> dict[str, Any]:
    function = {"arguments": "".join(arguments)}
    if not name:
        return {"index": index, "function": function}
    function = {"name": name, **function}
    return {"index": index, "id": f"call_{uuid.uuid4().hex}", "type": "function", "function": function}


def _call(text: str) -> dict[str, Any]:
    """The call with which a text ends; empty if it is none, or has no name."""
    try:
        call: dict[str, Any] = json_text.loads(text[text.index("{") :])
    except ValueError:
        return {}
    return call if call.get("name") and isinstance(call["name"], str) else {}


def _arguments(value: Any) -> str:
    """The object in a JSON string, an empty one for null; otherwise the value as JSON."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return value
    return "{}" if value is None else json.dumps(value, ensure_ascii=False)
