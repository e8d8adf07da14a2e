"""What stands before vLLM's application: the key, the routes that are offered, the places, the end of the server.

vLLM's own key guards only some of its routes, and its application brings many that this package does not mean to offer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Iterator

from granite.openai_api import body, refusal
from granite.openai_api.asgi import App, Receive, Scope, Send
from granite.openai_api.asked import Asked, current
from granite.openai_api.body import Unsound
from granite.openai_api.exchange import Exchange
from granite.openai_api.places import Capacity, Full, Places
from granite.serving import metrics
from granite.serving.running import Running

GENERATING = ("/v1/chat/completions", "/v1/completions", "/v1/responses")

OFFERED = {
    "/health": ("GET",),
    "/metrics": ("GET",),
    "/v1/models": ("GET",),
    **dict.fromkeys(GENERATING, ("POST",)),
}
"""Every route, and its methods."""

OPEN = "/health"
"""Needs no key: a load balancer has none."""

OF_THE_OPERATOR = b"x-vllm-"
"""Headers by which a caller would steer the scheduler; what they hold is handed on unchecked."""

NO_KEY = "The key is missing or wrong: send the header Authorization: Bearer KEY, as OPENAI_API_KEY has it."
FULL = "The server is at capacity: send the request again, after the time that Retry-After gives."
DRAINING = "The server is about to stop and takes no new requests: send it to another one, or again after a while."


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
        self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope)
        if refused is not None:
            await _turn_away(send, *refused)
        elif scope["path"] in GENERATING:
            await self._generate(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence. Who has no key does not learn which routes there are."""
        path, method = scope["path"], scope["method"]
        if path != OPEN and not self._knows(scope["headers"]):
            return 401, NO_KEY
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
            # A body that is still on its way takes no place; but no more bodies than places are waited for.
            with self._reading():
                content = await body.read(receive)
                if content is None:
                    return
                found = await asyncio.to_thread(body.parsed, content)
            if self.draining:
                await _turn_away(send, 503, DRAINING)
                return
            asked = Asked(found, Places(self._capacity))
        except Full:
            await _turn_away(send, 503, FULL)
            return
        except Unsound as error:
            await _turn_away(send, error.status, str(error))
            return
        scope["headers"] = [header for header in scope["headers"] if not header[0].startswith(OF_THE_OPERATOR)]
        token = current.set(asked)
        task = asyncio.create_task(Exchange(self._app, scope, content, receive, send, self._dead).run())
        self.running.add(task)
        try:
            await task
        finally:
            current.reset(token)
            asked.places.give_back()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Raises Full where there is no place for a request, or none to read it in."""
        if max(self._capacity.taken, self._bodies) >= self._capacity.most:
            raise Full
        self._bodies += 1
        try:
            yield
        finally:
            self._bodies -= 1


async def _turn_away(send: Send, status: int, sentence: str) -> None:
    metrics.TURNED_AWAY.labels(status).inc()
    await refusal.answer(send, status, sentence)
