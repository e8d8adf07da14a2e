"""How large a request may be. The bounds leave room for every prompt that fits the context, and keep each check short.

Beyond them the checks and the template of one request would take seconds from all others.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from granite.errors import InvalidInput
from granite.request.inputs import Inputs

MAX_CHARACTERS = 8 * 2**20
"""Of all texts together. A prompt that fills 128K tokens has about half a million."""

MAX_VALUES = 500_000
"""A prompt of 128K token ids has that many."""

MAX_PARTS = 50_000
"""Texts, lists and objects."""

MAX_DEPTH = 100
"""Levels of lists and objects."""

MAX_ITEMS = {"messages": 2048, "documents": 1024, "tools": 256, "stop": 64}

TOO_DEEP = f"The request is nested deeper than {MAX_DEPTH} levels; flatten it."


def check(inputs: Inputs) -> None:
    """Raise InvalidInput for the first bound that the inputs exceed."""
    for name, most in MAX_ITEMS.items():
        items = getattr(inputs, name)
        if isinstance(items, list) and len(items) > most:
            raise InvalidInput(f"`{name}` has {len(items)} items, but the most is {most}; send fewer.")
    check_values(vars(inputs))


def check_values(given: dict[str, Any]) -> None:
    """Raise InvalidInput for an object that exceeds the bounds with all within it."""
    characters = parts = values = 0
    for level in levels(given):
        characters += sum(len(each) for each in level if isinstance(each, str))
        parts += sum(isinstance(each, str | dict | list) for each in level)
        values += len(level)
        for count, most, what in (
            (characters, MAX_CHARACTERS, "characters"),
            (parts, MAX_PARTS, "texts, lists and objects"),
            (values, MAX_VALUES, "values"),
        ):
            if count > most:
                raise InvalidInput(f"The request contains more than {most} {what}; send fewer.")


def levels(value: Any) -> Iterator[list[Any]]:
    """What a value consists of, level by level; keys lie below their object. Raises InvalidInput beyond MAX_DEPTH."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        yield level
        nested = [each for each in level if isinstance(each, dict | list)]
        if not nested:
            return
        keys = chain.from_iterable(each for each in nested if isinstance(each, dict))
        members = (each.values() if isinstance(each, dict) else each for each in nested)
        level = [*keys, *chain.from_iterable(members)]
    raise InvalidInput(TOO_DEEP)
