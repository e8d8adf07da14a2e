"""What stands before vLLM's application: the key, the routes that are offered, the places, the end of the server.

Plain ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html), no vLLM. vLLM's own key guards only some of its
routes, and its application brings many that this package does not mean to offer.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from granite import metrics
from granite.openai_api.asked import Asked, current
from granite.openai_api.places import Capacity, Full, Places
from granite.running import Running

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

GENERATING = ("/v1/chat/completions", "/v1/completions", "/v1/responses")

OFFERED = {
    "/health": ("GET", "HEAD"),
    "/metrics": ("GET",),
    "/v1/models": ("GET",),
    **dict.fromkeys(GENERATING, ("POST",)),
}
"""Every route, and its methods."""

OPEN = "/health"
"""Needs no key: a load balancer has none."""

RETRY = (b"retry-after", b"1")
"""Seconds after which a refused request may be sent again: places come free all the time."""

FULL = "The server is at capacity: send the request again, after the time that Retry-After gives."
DRAINING = "The server is about to stop and takes no new requests: send it to another one, or again after a while."
STOPPED = "The server had to stop before the answer was complete: send the request again."
DIED = "The engine died while it ran this request: send it again once the server is back."


class Gate:
    """An ASGI application around vLLM's."""

    def __init__(self, app: App, key: str | None, capacity: Capacity, dead: Callable[[], bool]) -> None:
        """`dead`: whether the engine is."""
        self._app = app
        self._key = key
        self._capacity = capacity
        self._dead = dead
        self.running = Running()
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _turn_away(send, *refusal)
        elif scope["path"] in GENERATING:
            await self._generate(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence. Who has no key does not learn which routes there are."""
        if scope["type"] != "http":
            return 404, "This server has no WebSocket."
        path, method = scope["path"], scope["method"]
        if path != OPEN and not self._knows(scope["headers"]):
            return (
                401,
                "The key is missing or wrong: send the header Authorization: Bearer KEY, as OPENAI_API_KEY has it.",
            )
        if path not in OFFERED:
            return 404, f"There is no such route; there are {', '.join(OFFERED)}."
        if method not in OFFERED[path]:
            return 405, f"{path} takes {OFFERED[path][0]}, not {method}."
        if self.draining and path in (OPEN, *GENERATING):
            return 503, DRAINING
        return None

    def _knows(self, headers: list[tuple[bytes, bytes]]) -> bool:
        if self._key is None:
            return True
        scheme, _, sent = dict(headers).get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(sent.strip(), self._key.encode())

    async def _generate(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            places = Places(self._capacity)
        except Full:
            await _turn_away(send, 503, FULL)
            return
        token = current.set(Asked(places))
        task = asyncio.create_task(self._run(scope, receive, _Response(send, self._dead)))
        self.running.add(task)
        try:
            await task
        finally:
            current.reset(token)
            places.give_back()

    async def _run(self, scope: Scope, receive: Receive, response: _Response) -> None:
        """Canceling it breaks the answer off. vLLM hears of that as of a dropped connection: so it aborts in order."""
        stopped = asyncio.Event()
        answering = asyncio.ensure_future(self._app(scope, _until(stopped, receive), response.send))
        try:
            await asyncio.shield(answering)
        except asyncio.CancelledError:
            await response.break_off(STOPPED)
            stopped.set()
            await answering


def _until(stopped: asyncio.Event, receive: Receive) -> Receive:
    async def received() -> Message:
        arriving, stopping = asyncio.ensure_future(receive()), asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait({arriving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return arriving.result() if arriving.done() else {"type": "http.disconnect"}
        finally:
            arriving.cancel()
            stopping.cancel()

    return received


class _Response:
    """Passes vLLM's response on, with what vLLM leaves out."""

    def __init__(self, send: Send, dead: Callable[[], bool]) -> None:
        self._send = send
        self._dead = dead
        self._started = self._ended = False

    async def send(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            if message["status"] >= 500 and self._dead():
                await self.break_off(DIED)
                return
            self._started = True
            if message["status"] == 503:
                message["headers"] = [*message["headers"], RETRY]
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
            if message.get("body", b"").startswith(b'data: {"error"') and self._dead():
                message["body"] = _event(DIED)
        await self._send(message)

    async def break_off(self, sentence: str) -> None:
        """End with an error: as the whole response, or as the last event of one that is on its way."""
        if not self._started:
            self._started = self._ended = True
            await _answer(self._send, 503, sentence)
        elif not self._ended:
            self._ended = True
            await self._send({"type": "http.response.body", "body": _event(sentence) + b"data: [DONE]\n\n"})


def _event(sentence: str) -> bytes:
    return b"data: " + _error(503, sentence) + b"\n\n"


def _error(status: int, sentence: str) -> bytes:
    """In OpenAI's form, as vLLM's own errors."""
    kind = {401: "AuthenticationError", 404: "NotFoundError", 503: "ServiceUnavailableError"}.get(
        status, "BadRequestError"
    )
    return json.dumps({"error": {"message": sentence, "type": kind, "param": None, "code": status}}).encode()


async def _turn_away(send: Send, status: int, sentence: str) -> None:
    metrics.TURNED_AWAY.labels(status).inc()
    await _answer(send, status, sentence)


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = _error(status, sentence)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 503:
        headers.append(RETRY)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
