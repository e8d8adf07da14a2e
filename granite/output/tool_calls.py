"""The calls that Granite writes: `<|tool_call|>[{"name": …, "arguments": {…}}]`, read while they are written.

vLLM's parser for Granite is not used. It goes through a call's arguments anew with each token: with vLLM 0.32 one call
of 4,000 words, token by token, took 93 s of one core, and all other requests waited for it. And it loses arguments that
are written as a JSON text, a call that is cut inside its name, what follows the list in a whole answer, and
`<tool_call>` in prose, Granite 3.1's marker. That marker is read before a list, because IBM's own parser reads it there.
"""

from __future__ import annotations

import uuid
from enum import Enum, auto
from typing import Any

from granite.output.json_value import JsonValue
from granite.output.parser import Piece
from granite.output.tags import Tags
from granite.output.trimmed import Trimmed
from granite.request import json_text

MARKER, OLD_MARKER = "<|tool_call|>", "<tool_call>"
WHITE_SPACE = " \t\r\n"


class _State(Enum):
    CONTENT = auto()
    LIST = auto()
    """After a marker: the list is to begin."""
    ITEM = auto()
    """In the list, outside of a call."""
    KEY = auto()
    """In a call, outside of its keys and values."""
    VALUE = auto()


class ToolCalls:
    """What is no list of calls stays content, as it was written."""

    def __init__(self) -> None:
        self._tags = Tags((MARKER, OLD_MARKER))
        self._state = _State.CONTENT
        self._raw = ""
        """What was read since it was last certain to be a call."""
        self._after = Trimmed(begun=True)
        """Content after a call: white space is part of it only if more follows."""
        self._calls = 0
        self._call = _Call(0)
        self._key = ""
        self._value = JsonValue()
        self._content: list[str] = []
        self._written: list[dict[str, Any]] = []

    def add(self, text: str) -> Piece:
        for part in self._tags.split(text):
            self._read(part)
        return self._piece()

    def end(self) -> Piece:
        self._read(self._tags.rest())
        if self._state in (_State.KEY, _State.VALUE) and self._call.named:
            self._call.close()
        elif self._state in (_State.KEY, _State.VALUE) or (self._state is not _State.CONTENT and not self._calls):
            self._show(self._raw)
        return self._piece()

    def _piece(self) -> Piece:
        self._written += self._call.written()
        piece = Piece("".join(self._content), tool_calls=tuple(self._written))
        self._content, self._written = [], []
        return piece

    def _read(self, part: str) -> None:
        if (self._state is _State.CONTENT and part in (MARKER, OLD_MARKER)) or (
            self._state is _State.LIST and part == MARKER
        ):
            self._state, self._raw = _State.LIST, "" if part == MARKER else part
            return
        position = 0
        while position < len(part):
            if self._state is _State.CONTENT:
                self._show(part[position:])
                break
            if self._state is _State.VALUE:
                position = self._read_value(part, position)
            else:
                self._raw += part[position]
                if not (self._in_call if self._state is _State.KEY else self._in_list)(part[position]):
                    self._give_up()
                position += 1

    def _in_list(self, character: str) -> bool:
        """Take a character outside of a call; whether one may stand there."""
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
        """Take a character of a call, outside of its keys and values; whether one may stand there."""
        if character in WHITE_SPACE or character == ",":
            return True
        if character == ":":
            return bool(self._key)
        if character == "}":
            if self._call.named:
                self._call.close()
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
        """Read on from `position` in a key or in its value; where either, or the text, ends."""
        end = self._value.read(text, position)
        self._raw += text[position:end]
        is_object = self._value.is_object
        if self._key == "arguments" and is_object:
            self._call.add(text[position:end])
        if self._value.complete:
            key, self._key, self._state = self._key, "", _State.KEY
            if not key:
                self._key = _text(self._value.text) or " "
            elif key == "name":
                self._call.name = _text(self._value.text)
            elif key == "arguments" and not is_object:
                self._call.add(_arguments(self._value.text))
        return end

    def _close_call(self) -> None:
        self._written += self._call.written()
        self._calls, self._raw = self._calls + 1, ""

    def _give_up(self) -> None:
        """What was read is no list of calls, or no longer."""
        last = self._raw[-1:]
        if self._state is not _State.ITEM and self._call.named:
            self._call.close()
            self._close_call()
            self._raw = last
        self._state = _State.CONTENT
        self._show(self._raw)

    def _show(self, text: str) -> None:
        self._content.append(self._after.add(text) if self._calls else text)


class _Call:
    """One call as far as it was read."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._new = ""
        """Arguments that are still to be given out."""
        self._has_arguments = False
        self._begun = False
        self.name = ""

    @property
    def named(self) -> bool:
        return bool(self.name)

    def add(self, arguments: str) -> None:
        self._new += arguments
        self._has_arguments = self._has_arguments or bool(arguments)

    def close(self) -> None:
        if not self._has_arguments:
            self.add("{}")

    def written(self) -> list[dict[str, Any]]:
        """What is new, in the form of a chunk's delta; nothing before the name is known."""
        if not self.named or (self._begun and not self._new):
            return []
        function, self._new = {"arguments": self._new}, ""
        if self._begun:
            return [{"index": self._index, "function": function}]
        self._begun = True
        name = {"id": f"call_{uuid.uuid4().hex}", "type": "function", "function": {"name": self.name, **function}}
        return [{"index": self._index, **name}]


def _text(value: str) -> str:
    """The characters of a JSON text; empty for what is none."""
    try:
        loaded = json_text.loads(value)
    except ValueError:
        return ""
    return loaded if isinstance(loaded, str) else ""


def _arguments(value: str) -> str:
    """Arguments that are no object: the object that a JSON text holds, none for null, else what was written."""
    try:
        held = _text(value)
        if isinstance(json_text.loads(held), dict):
            return held
    except ValueError:
        pass
    return "" if value.strip() == "null" else value.strip()
