"""A JSON value that arrives in pieces."""

from __future__ import annotations

from granite.request import json_text


class JsonValue:
    """Finds where the value ends; does not check what is inside."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self.complete = False

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def is_object(self) -> bool:
        return self._pieces[0].startswith("{")

    @property
    def string(self) -> str:
        """The characters of a JSON string; empty for anything else."""
        try:
            loaded = json_text.loads(self.text)
        except ValueError:
            return ""
        return loaded if isinstance(loaded, str) else ""

    def read(self, text: str, position: int) -> int:
        """Read on from `position`. Returns where the value, or the text, ends."""
        begin = position
        while position < len(text) and not self.complete:
            character = text[position]
            if self._escaped:
                self._escaped = False
            elif character == "\\":
                self._escaped = self._quoted
            elif character == '"':
                self._quoted = not self._quoted
                self.complete = not self._quoted and not self._depth
            elif self._quoted:
                pass
            elif character in "{[":
                self._depth += 1
            elif character in "}]" and self._depth:
                self._depth -= 1
                self.complete = not self._depth
            elif character in ",}]" and not self._depth:
                # A number, true, false or null ends before what follows it.
                self.complete = True
                break
            position += 1
        self._pieces.append(text[begin:position])
        return position
