"""The calls that Granite writes: `<|tool_call|>[{"name": …, "arguments": {…}}]`, read while they are generated.

vLLM's parser for Granite is not used. It reads a call's arguments anew with each token: with vLLM 0.32 one call of 4,000
words, token by token, took 93 s of one core while all other requests waited. It also loses arguments written as a JSON
string, a call that is cut inside its name, text after the list in a whole answer, and `<tool_call>` in prose. That is the
marker of Granite 3.1; it opens a list here because it does in IBM's own parser.
"""

from __future__ import annotations

import uuid
from enum import Enum, auto
from typing import Any

from granite.output.json_value import JsonValue
from granite.output.message import MessageDelta
from granite.output.stream_text import Tags, Trimmed
from granite.request import json_text

MARKER, OLD_MARKER = "<|tool_call|>", "<tool_call>"
WHITE_SPACE = " \t\r\n"


class _State(Enum):
    CONTENT = auto()
    LIST = auto()
    """After a marker, before the list."""
    ITEM = auto()
    """In the list, outside of a call."""
    KEY = auto()
    """In a call, outside of its keys and values."""
    VALUE = auto()


class ToolCalls:
    """Text that is no list of calls stays content, as it was written."""

    def __init__(self) -> None:
        self._tags = Tags((MARKER, OLD_MARKER))
        self._state = _State.CONTENT
        self._raw: list[str] = []
        """The text read since it was last certain to be a call."""
        self._after = Trimmed(begun=True)
        """Content after a call: white space is part of it only if more follows."""
        self._calls = 0
        self._call = _Call(0)
        self._key = ""
        self._value = JsonValue()
        self._content: list[str] = []
        self._written: list[dict[str, Any]] = []

    def add(self, text: str) -> MessageDelta:
        for part in self._tags.split(text):
            self._read(part)
        return self._delta()

    def end(self) -> MessageDelta:
        self._read(self._tags.rest())
        in_call = self._state in (_State.KEY, _State.VALUE)
        if in_call and self._call.name:
            self._call.close()
        elif in_call or (self._state is not _State.CONTENT and not self._calls):
            self._show("".join(self._raw))
        return self._delta()

    def _delta(self) -> MessageDelta:
        self._written += self._call.written()
        delta = MessageDelta("".join(self._content), tool_calls=tuple(self._written))
        self._content, self._written = [], []
        return delta

    def _read(self, part: str) -> None:
        markers = {_State.CONTENT: (MARKER, OLD_MARKER), _State.LIST: (MARKER,)}.get(self._state, ())
        if part in markers:
            self._state, self._raw = _State.LIST, [] if part == MARKER else [part]
            return
        position = 0
        while position < len(part):
            if self._state is _State.CONTENT:
                self._show(part[position:])
                break
            if self._state is _State.VALUE:
                position = self._read_value(part, position)
                continue
            self._raw.append(part[position])
            if not (self._in_call if self._state is _State.KEY else self._in_list)(part[position]):
                self._give_up(part[position])
            position += 1

    def _in_list(self, character: str) -> bool:
        """Read a character outside of a call. Returns whether it may be there."""
        if character in WHITE_SPACE:
            return True
        if self._state is _State.LIST:
            self._state = _State.ITEM
            return character == "["
        if character == "{":
            self._state, self._call, self._key = _State.KEY, _Call(self._calls), ""
            return True
        if character == "]":
            self._state = _State.CONTENT
            return self._calls > 0
        return character == ","

    def _in_call(self, character: str) -> bool:
        """Read a character of a call, outside of its keys and values. Returns whether it may be there."""
        if character in WHITE_SPACE or character == ",":
            return True
        if character == ":":
            return bool(self._key)
        if character == "}":
            if self._call.name:
                self._close_call()
                self._state = _State.ITEM
            return self._state is _State.ITEM
        self._value = JsonValue()
        self._state = _State.VALUE
        self._value.read(character, 0)
        if self._key == "arguments" and character == "{":
            self._call.add(character)
        return character != "]"

    def _read_value(self, text: str, position: int) -> int:
        """Read on from `position` in a key or in its value. Returns where it, or the text, ends."""
        end = self._value.read(text, position)
        self._raw.append(text[position:end])
        is_object = self._value.is_object
        if self._key == "arguments" and is_object:
            self._call.add(text[position:end])
        if self._value.complete:
            key, self._key, self._state = self._key, "", _State.KEY
            if not key:
                self._key = self._value.string or " "
            elif key == "name":
                self._call.name = self._value.string
            elif key == "arguments" and not is_object:
                self._call.add(_arguments(self._value))
        return end

    def _close_call(self) -> None:
        self._call.close()
        self._written += self._call.written()
        self._calls, self._raw = self._calls + 1, []

    def _give_up(self, last: str) -> None:
        """The text is no list of calls, or no longer. `last`: the character that shows it."""
        if self._state is not _State.ITEM and self._call.name:
            self._close_call()
            self._raw = [last]
        self._state = _State.CONTENT
        self._show("".join(self._raw))

    def _show(self, text: str) -> None:
        self._content.append(self._after.add(text) if self._calls else text)


class _Call:
    """One call as far as it was read."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._new = ""
        """Arguments that are not in any delta yet."""
        self._has_arguments = False
        self._begun = False
        self.name = ""

    def add(self, arguments: str) -> None:
        self._new += arguments
        self._has_arguments = self._has_arguments or bool(arguments)

    def close(self) -> None:
        if not self._has_arguments:
            self.add("{}")

    def written(self) -> list[dict[str, Any]]:
        """What is new, as a chunk's delta; nothing until the name is known."""
        if not self.name or (self._begun and not self._new):
            return []
        function, self._new = {"arguments": self._new}, ""
        if self._begun:
            return [{"index": self._index, "function": function}]
        self._begun = True
        function = {"name": self.name, **function}
        return [{"index": self._index, "id": f"call_{uuid.uuid4().hex}", "type": "function", "function": function}]


def _arguments(value: JsonValue) -> str:
    """Arguments that are no object: the object in a JSON string, nothing for null, otherwise the text as written."""
    try:
        if isinstance(json_text.loads(value.string), dict):
            return value.string
    except ValueError:
        pass
    return "" if value.text.strip() == "null" else value.text.strip()
