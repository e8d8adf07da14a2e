"""An error in OpenAI's form, as vLLM's own are: https://platform.openai.com/docs/guides/error-codes."""

from __future__ import annotations

import json

from granite.openai_api.asgi import Send

KINDS = {
    401: "AuthenticationError",
    404: "NotFoundError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}

RETRY = (b"retry-after", b"1")
"""Seconds after which a refused request may be sent again: places come free all the time."""


def body(status: int, sentence: str) -> bytes:
    kind = KINDS.get(status, "BadRequestError")
    return json.dumps({"error": {"message": sentence, "type": kind, "param": None, "code": status}}).encode()


def event(status: int, sentence: str) -> bytes:
    """Of a stream."""
    return b"data: " + body(status, sentence) + b"\n\n"


async def answer(send: Send, status: int, sentence: str) -> None:
    """As a whole response."""
    content = body(status, sentence)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 503:
        headers.append(RETRY)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
