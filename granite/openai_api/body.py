"""The body of a request: read whole and found sound before it takes a place.

vLLM reads one of any size, waits for it without a limit, and hands on what its own message format cannot carry: a number
beyond int64, half a surrogate pair or deep nesting ends in a request that is never taken back, or in the engine's death.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from granite.openai_api.asgi import Receive
from granite.request.faults import shown

MOST_BYTES = 8 * 2**20
"""A prompt that fills 128K tokens has about half a megabyte; its escapes and the rest of a request have room beside it."""

SECONDS = 30
"""For all of it to arrive."""

DEEPEST = 100
"""Levels of lists and objects."""

MOST_VALUES = 500_000
"""A prompt of 128K token ids has that many; looking at each takes time from every other request."""


class Unsound(Exception):
    """`status` and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def read(receive: Receive) -> bytes | None:
    """None where the client went away. Raises Unsound."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if len(body) > MOST_BYTES:
                    raise Unsound(413, f"The body has more than {MOST_BYTES} bytes: send less.")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Unsound(408, f"The body did not arrive within {SECONDS} seconds: send the request again.") from None
    return None


def parsed(body: bytes) -> dict[str, Any]:
    """The object that it is. Raises Unsound."""
    try:
        value = json.loads(body)
    except RecursionError:
        raise Unsound(400, TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise Unsound(400, f"The body is not JSON: {error}.") from None
    except ValueError:
        raise Unsound(400, "The body holds a number of thousands of digits, which nothing here takes.") from None
    if not isinstance(value, dict):
        raise Unsound(400, f"The body must be a JSON object, got {shown(value)}.")
    left = MOST_VALUES
    for name, member in value.items():
        left = _checked(name, [name, member], left)
    return value


TOO_DEEP = f"The body is nested deeper than {DEEPEST} levels: flatten it."
TOO_MANY = f"The body holds more than {MOST_VALUES} values: send less."


def _checked(name: str, members: Iterable[Any], left: int) -> int:
    """How many more values there may be. `name`: of the field that the members are. A loop: recursion is kept out."""
    levels = [iter(members)]
    while levels:
        for value in levels[-1]:
            left -= 1
            if left < 0:
                raise Unsound(400, TOO_MANY)
            _check(name, value)
            if isinstance(value, dict | list):
                if len(levels) > DEEPEST:
                    raise Unsound(400, TOO_DEEP)
                levels.append(chain(value, value.values()) if isinstance(value, dict) else iter(value))
                break
        else:
            levels.pop()
    return left


def _check(name: str, value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unsound(400, f"{_shown(name)} holds half a surrogate pair, which is no character.") from None
    elif isinstance(value, int | float) and not -(2**63) <= value < 2**63:
        raise Unsound(400, f"{_shown(name)} holds a number that is not within 64 bits.")


def _shown(name: str) -> str:
    return shown(name.encode(errors="replace").decode())
