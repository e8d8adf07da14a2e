"""What is wrong with a request: a sentence for each fault, told all at once in the order of the inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from granite.errors import InvalidInput

INT64_MAX = 2**63 - 1
"""The engine keeps seeds and counts as int64."""


MOST_SENTENCES = 20
"""Sentences of one error: a list of thousands can be wrong in each item."""

LONGEST_NAME = 40
"""Characters up to which a text is a name, which a sentence may quote."""


def shown(value: Any) -> str:
    """A value as a sentence may quote it: a number or a name as it is, never a caller's text."""
    if isinstance(value, str) and not (len(value) <= LONGEST_NAME and value.isprintable()):
        return f"a text of {len(value)} characters"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return value if isinstance(value, str) and value else json.dumps(value)


class Faults:
    """Collects faults, so that a caller mends all of them in one go.

    The converters return what the engine takes, or the least bound after a fault, so that checking can go on.
    """

    def __init__(self, inputs: Iterable[str]) -> None:
        """`inputs`: the names of predict()'s inputs in their order."""
        self._order = {name: position for position, name in enumerate(inputs)}
        self._sentences: list[tuple[int, str]] = []

    def add(self, name: str, sentence: str) -> None:
        self._sentences.append((self._order[name], sentence))

    def integer(self, name: str, value: float, least: int, most: int = INT64_MAX) -> int:
        if isinstance(value, float) and not value.is_integer():
            self.add(name, f"{name} must be a whole number, got {value}.")
            return least
        if not least <= value <= most:
            bound = "2**63 - 1" if most == INT64_MAX else most
            self.add(name, f"{name} must be from {least} to {bound}, got {value}.")
            return least
        return int(value)

    def number(self, name: str, value: float, least: float, most: float) -> float:
        if not least <= value <= most:
            self.add(name, f"{name} must be from {least} to {most}, got {value}.")
        return float(value)

    def check(self) -> None:
        """Raise InvalidInput with the sentences, if there is one."""
        if self._sentences:
            told = [sentence for _, sentence in sorted(self._sentences, key=lambda fault: fault[0])]
            more = len(told) - MOST_SENTENCES
            raise InvalidInput(" ".join([*told[:MOST_SENTENCES], *([f"And {more} more."] if more > 0 else [])]))
