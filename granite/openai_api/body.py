"""The body of a request: read whole and found sound before it takes a place.

vLLM reads one of any size, waits for it without a limit, and hands on what its own message format cannot carry: a number
beyond int64, half a surrogate pair or deep nesting ends in a request that is never taken back, or in the engine's death.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from granite.openai_api.asgi import Receive
from granite.request.faults import shown

MOST_BYTES = 8 * 2**20
"""A prompt that fills 128K tokens has about half a megabyte; its escapes and the rest of a request have room beside it."""

SECONDS = 30
"""For all of it to arrive."""

DEEPEST = 100
"""Levels of lists and objects."""


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
    except ValueError as error:
        raise Unsound(400, f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Unsound(400, f"The body must be a JSON object, got {shown(value)}.")
    for name, member in value.items():
        _check(name, name)
        _check(name, member)
    return value


TOO_DEEP = f"The body is nested deeper than {DEEPEST} levels: flatten it."


def _check(name: str, member: Any) -> None:
    """`name`: of the field that the member stands in. A loop: recursion is what is to be kept out."""
    waiting = [(member, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise Unsound(400, TOO_DEEP)
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Unsound(400, f"{_shown(name)} holds half a surrogate pair, which is no character.") from None
        elif isinstance(value, int | float) and not -(2**63) <= value < 2**63:
            raise Unsound(400, f"{_shown(name)} holds a number that is not within 64 bits: {value:.3g}.")
        elif isinstance(value, dict):
            waiting += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]


def _shown(name: str) -> str:
    return shown(name.encode(errors="replace").decode())
