"""One request that vLLM answers, from its first byte to its last: it can be broken off, and it cannot be held open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from granite.errors import EngineDied, ServerStopped
from granite.openai_api import refusal
from granite.openai_api.asgi import App, Message, Receive, Scope, Send
from granite.serving import metrics

SEND_SECONDS = 60
"""For a client to take what was sent: one that reads nothing would keep its places for ever."""

STOPPED = str(ServerStopped())
DIED = str(EngineDied())
FAILED = "The server could not answer this request: its log says why."


class Exchange:
    """Passes a request to vLLM and its response on, with what vLLM leaves out."""

    def __init__(
        self, app: App, scope: Scope, body: bytes, receive: Receive, send: Send, dead: Callable[[], bool]
    ) -> None:
        """`body`: of the request, read from `receive`. `dead`: whether the engine is."""
        self._app = app
        self._scope = scope
        self._body: bytes | None = body
        self._receive = receive
        self._send = send
        self._dead = dead
        self._stopped = asyncio.Event()
        self._started = self._ended = False

    async def run(self) -> None:
        """Canceling it breaks the answer off. vLLM hears of that as of a dropped connection: so it aborts in order."""
        answering = asyncio.ensure_future(self._app(self._scope, self._received, self._sent))
        try:
            await asyncio.shield(answering)
        except asyncio.CancelledError:
            self._stopped.set()
            await self._break_off(503, DIED if self._dead() else STOPPED)
            await answering
        except Exception:
            if not self._dead():
                raise
            await self._break_off(503, DIED)

    async def _received(self) -> Message:
        """The body, then nothing until the client goes away or the answer is broken off."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        arriving, stopping = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({arriving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return arriving.result() if arriving.done() else {"type": "http.disconnect"}
        finally:
            arriving.cancel()
            stopping.cancel()

    async def _sent(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            if message["status"] >= 500 and self._dead():
                await self._break_off(503, DIED)
                return
            if message["status"] == 500:
                # vLLM's words are of its own code there.
                await self._break_off(500, FAILED)
                return
            self._started = True
            if message["status"] == 503:
                metrics.TURNED_AWAY.labels(503).inc()
                message["headers"] = [*message["headers"], refusal.RETRY]
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
            if message.get("body", b"").startswith(b'data: {"error"') and self._dead():
                message["body"] = refusal.event(503, DIED)
        await self._pass_on(message)

    async def _break_off(self, status: int, sentence: str) -> None:
        """End with an error: as the whole response, or as the last event of one that is on its way."""
        if self._ended:
            return
        self._ended = True
        if self._started:
            end = refusal.event(status, sentence) + b"data: [DONE]\n\n"
            await self._pass_on({"type": "http.response.body", "body": end})
        else:
            await refusal.answer(self._pass_on, status, sentence)

    async def _pass_on(self, message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            self._ended = True
            self._stopped.set()
