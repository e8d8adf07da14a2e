"""A request's body, read whole and within limits, so that no request can occupy the event loop for everyone."""

import asyncio
from itertools import chain
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from granite.errors import quote

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


async def read(request: Request, seconds: float = MAX_SECONDS) -> dict[str, Any]:
    """Return the JSON object that is sent. Raises HTTPException."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BYTES:
                    raise HTTPException(413, f"The request body is larger than {MAX_BYTES} bytes; send less.")
    except ClientDisconnect:
        raise HTTPException(400, "The connection was closed before the request body was complete.") from None
    except TimeoutError:
        raise HTTPException(408, f"The request body did not arrive within {seconds} seconds; send it again.") from None
    return parse(body) if len(body) <= SMALL else await asyncio.to_thread(parse, body)


def parse(body: bytes | bytearray) -> dict[str, Any]:
    """Raises HTTPException."""
    try:
        value = msgspec.json.decode(body)
    except ValueError as error:  # msgspec's own errors and Python's for UTF-8; none quotes the body
        raise HTTPException(400, f"The request body cannot be read as JSON: {error}.") from None
    except RecursionError:
        raise HTTPException(400, TOO_DEEP) from None
    if not isinstance(value, dict):
        raise HTTPException(400, f"The request body must be a JSON object, got {quote(value)}.")
    members, values = [value], 0
    for _ in range(MAX_DEPTH + 1):
        nested = [
            each.values() if isinstance(each, dict) else each for each in members if isinstance(each, dict | list)
        ]
        if not nested:
            return value
        members = list(chain.from_iterable(nested))
        values += len(members)
        if values > MAX_VALUES:
            raise HTTPException(400, f"The request body contains more than {MAX_VALUES} values; send fewer.")
        if any(isinstance(each, int) and not -(2**63) <= each < 2**63 for each in members):
            # The engine's messages carry no larger number: a request with one is never answered.
            raise HTTPException(400, "The request body contains an integer that does not fit 64 bits.")
    raise HTTPException(400, TOO_DEEP)
