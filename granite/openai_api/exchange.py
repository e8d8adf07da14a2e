"""One response that is generated: it ends with the answer, with one sentence, or when its client leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from granite.errors import ServerStopped
from granite.openai_api import failure
from granite.serving.running import Running

START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")],
}


@dataclass(eq=False)
class Exchange(Response):
    """Runs `answer`, which sends through this object, in a task of its own, so that it can be canceled at any point."""

    answer: Callable[[Exchange], Awaitable[None]]
    slots: AbstractContextManager[None]
    running: Running
    stall_seconds: float

    def __post_init__(self) -> None:
        self._started = self._ended = self._abandoned = False
        self._sending_since: float | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HTTPException if there are too few slots."""
        self._scope, self._receive, self._send = scope, receive, send
        with self.slots:
            answering = asyncio.create_task(self._run())
            self.running.add(answering)
            leaving = asyncio.create_task(_disconnect(receive))
            tasks = {answering, leaving}
            try:
                while not (answering.done() or leaving.done() or self._stalled):
                    await asyncio.wait(tasks, timeout=self.stall_seconds / 4, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._abandoned = True
                leaving.cancel()
                answering.cancel()
                await asyncio.wait({answering})

    async def respond(self, response: Response) -> None:
        """Send a whole response."""
        self._ended = True
        await response(self._scope, self._receive, self._pass)

    async def stream(self, events: bytes, *, more: bool = True) -> None:
        """Send the next events of a stream, the first of which start the response. `more`: others follow."""
        async with self._turn:
            if not self._started:
                self._started = True
                await self._pass(START)
            self._ended = not more
            await self._pass({"type": "http.response.body", "body": events, "more_body": more})

    async def _run(self) -> None:
        try:
            await self.answer(self)
        except asyncio.CancelledError:
            if self._abandoned:
                raise
            await self._fail(self.running.reason or ServerStopped())
        except Exception as error:
            await self._fail(error)

    async def _fail(self, error: Exception) -> None:
        if self._started and not self._ended:
            await self.stream(failure.event(error), more=False)
        elif not self._ended:
            await self.respond(failure.response(error))

    @property
    def _stalled(self) -> bool:
        return self._sending_since is not None and time.monotonic() - self._sending_since >= self.stall_seconds

    async def _pass(self, message: Message) -> None:
        # A timeout for each piece would cost 7 % of the throughput of 256 streams.
        self._sending_since = time.monotonic()
        await self._send(message)
        self._sending_since = None


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
