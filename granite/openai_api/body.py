"""A request's body, read whole and within limits, so that no request can occupy the event loop for everyone."""

import asyncio
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from granite.errors import InvalidInput, quote
from granite.openai_api import failure
from granite.request import size

MAX_BYTES = 8 * 2**20
"""A prompt that fills 128K tokens is about half a megabyte; escapes and the rest of a request need room too."""

MAX_BYTES_AT_ONCE = 2**28
"""Of all bodies that are arriving."""

MAX_SECONDS = 30
"""For all of it to arrive."""

SMALL = 2**16
"""Bytes up to which parsing on the event loop is cheaper than a thread."""


class Bodies:
    """Those that arrive now: their bytes are bounded, not their number, so that slow ones keep no others out."""

    def __init__(self, bytes_at_once: int = MAX_BYTES_AT_ONCE, seconds: float = MAX_SECONDS) -> None:
        self._free = bytes_at_once
        self._seconds = seconds

    async def read(self, request: Request) -> dict[str, Any]:
        """Return the JSON object that is sent. Raises HTTPException and InvalidInput."""
        body = bytearray()
        try:
            await self._receive(request, body)
        except ClientDisconnect:
            raise HTTPException(400, "The connection was closed before the request body was complete.") from None
        except TimeoutError:
            raise HTTPException(
                408, f"The request body did not arrive within {self._seconds} seconds; send it again."
            ) from None
        finally:
            self._free += len(body)
        return parse(body) if len(body) <= SMALL else await asyncio.to_thread(parse, body)

    async def _receive(self, request: Request, body: bytearray) -> None:
        async with asyncio.timeout(self._seconds):
            async for part in request.stream():
                body += part
                self._free -= len(part)
                if len(body) > MAX_BYTES:
                    raise HTTPException(413, f"The request body is larger than {MAX_BYTES} bytes; send less.")
                if self._free < 0:
                    raise HTTPException(503, failure.FULL)


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
