"""A request's body, read whole and within limits, so that no request can occupy the event loop for everyone."""

import asyncio
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from granite.errors import InvalidInput, quote
from granite.request import size

MAX_BYTES = 8 * 2**20
"""A prompt that fills 128K tokens is about half a megabyte; escapes and the rest of a request need room too."""

MAX_SECONDS = 30
"""For all of it to arrive."""

SMALL = 2**16
"""Bytes up to which parsing on the event loop is cheaper than a thread."""


async def read(request: Request, seconds: float = MAX_SECONDS) -> dict[str, Any]:
    """Return the JSON object that is sent. Raises HTTPException and InvalidInput."""
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
    """Raises HTTPException and InvalidInput."""
    try:
        value = msgspec.json.decode(body)
    except ValueError as error:  # msgspec's own errors and Python's for UTF-8; none quotes the body
        raise HTTPException(400, f"The request body cannot be read as JSON: {error}.") from None
    except RecursionError:
        raise HTTPException(400, size.TOO_DEEP) from None
    if not isinstance(value, dict):
        raise HTTPException(400, f"The request body must be a JSON object, got {quote(value)}.")
    size.check_values(value)
    if any(isinstance(each, int) and not -(2**63) <= each < 2**63 for level in size.levels(value) for each in level):
        # The engine's messages carry no larger number: a request with one is never answered.
        raise InvalidInput("The request contains an integer that does not fit 64 bits.")
    return value
