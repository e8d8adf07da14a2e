"""A request's body, read whole and within limits.

Without them a body could occupy the event loop for everyone, or reach the engine with a number that its messages cannot carry.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import Receive

from granite.errors import quote
from granite.request import shape

MAX_BYTES = 8 * 2**20
"""A prompt that fills 128K tokens is about half a megabyte; escapes and the rest of a request need room too."""

MAX_SECONDS = 30
"""For all of it to arrive."""

MAX_DEPTH = 100
"""Levels of lists and objects."""

MAX_VALUES = 500_000
"""A prompt of 128K token ids has that many; looking at each takes time from every other request."""

SMALL = 2**16
"""Bytes up to which parsing on the event loop is cheaper than a thread."""

TOO_DEEP = f"The request body is nested deeper than {MAX_DEPTH} levels; flatten it."


async def read(receive: Receive, seconds: float = MAX_SECONDS) -> dict[str, Any] | None:
    """Return the JSON object that is sent; None if the client leaves. Raises HTTPException."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if len(body) > MAX_BYTES:
                    raise HTTPException(413, f"The request body is larger than {MAX_BYTES} bytes; send less.")
                if not message.get("more_body", False):
                    break
            else:
                return None
    except TimeoutError:
        raise HTTPException(408, f"The request body did not arrive within {seconds} seconds; send it again.") from None
    return parse(body) if len(body) <= SMALL else await asyncio.to_thread(parse, body)


def parse(body: bytes | bytearray) -> dict[str, Any]:
    """Raises HTTPException."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise HTTPException(400, "The request body is not UTF-8; encode it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"The request body is not valid JSON: {error}.") from None
    except ValueError:  # Python's limit on the digits of an integer
        raise HTTPException(400, "The request body contains an integer that is too large.") from None
    except RecursionError:
        raise HTTPException(400, TOO_DEEP) from None
    if not isinstance(value, dict):
        raise HTTPException(400, f"The request body must be a JSON object, got {quote(value)}.")
    left = MAX_VALUES
    for name, member in value.items():
        left = _check_members(name, [name, member], left)
    return value


def _check_members(name: str, members: Iterable[Any], left: int) -> int:
    """Check the values in the field `name` without recursion; return how many more values there may be."""
    levels = [iter(members)]
    while levels:
        for value in levels[-1]:
            left -= 1
            if left < 0:
                raise HTTPException(400, f"The request body contains more than {MAX_VALUES} values; send fewer.")
            _check(name, value)
            if isinstance(value, dict | list):
                if len(levels) > MAX_DEPTH:
                    raise HTTPException(400, TOO_DEEP)
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
            raise _fault(name, "contains half of a surrogate pair; send whole characters.") from None
    elif isinstance(value, int | float) and not -(2**63) <= value < 2**63:  # NaN too
        raise _fault(name, "contains a number that does not fit 64 bits.")


def _fault(name: str, what: str) -> HTTPException:
    return HTTPException(400, f"{shape.code(name.encode(errors='replace').decode())} {what}")
