"""An error in OpenAI's format: https://platform.openai.com/docs/guides/error-codes."""

import json
import traceback
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from granite.errors import EngineError, RequestError
from granite.serving import metrics

TYPES = {401: "AuthenticationError", 404: "NotFoundError", 500: "InternalServerError", 503: "ServiceUnavailableError"}

HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}
"""Slots become free all the time: a second is enough."""

UNEXPECTED = "The server could not answer this request; its log says why."
FULL = "The server is at capacity; send the request again after the seconds in Retry-After."


def response(error: Exception) -> Response:
    """The whole response to a request that failed."""
    content = _content(error)
    status = content["error"]["code"]
    return JSONResponse(content, status, HEADERS.get(status))


def event(error: Exception) -> bytes:
    """The last events of a stream that failed."""
    return b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(_content(error)).encode()


def _content(error: Exception) -> dict[str, Any]:
    match error:
        case HTTPException():
            status, sentence = error.status_code, error.detail
        case RequestError():
            status, sentence = 400, str(error)
        case EngineError():
            status, sentence = 503, str(error)
        case _:
            status, sentence = 500, UNEXPECTED
            # Without the exception's own text: it may quote a prompt.
            frames = "".join(traceback.format_tb(error.__traceback__))
            structlog.get_logger().error("Unexpected error", error=type(error).__name__, traceback=frames)
    metrics.OPENAI_REFUSED.labels(status).inc()
    kind = TYPES.get(status, "BadRequestError")
    return {"error": {"message": sentence, "type": kind, "param": None, "code": status}}
