"""How a server ends: in order after SIGTERM, and at once where it can answer nobody any more.

Watches from the event loop of the engine. What ends the server at once: the engine died; it has not answered for
STUCK_SECONDS; Cog says that all its slots are taken while nothing runs, for LOST_SECONDS (a prediction whose id cannot be
a directory's name costs Cog its slot for ever).
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import structlog

from granite.errors import EngineDied, ServerStopped
from granite.serving.running import Running

TICK_SECONDS = 0.25
CHECK_SECONDS = 15
STUCK_SECONDS = 120
LOST_SECONDS = 60
LEAVE_SECONDS = 1
"""For running requests to end, and again for their sentences to leave, before the server is killed."""

CANCEL_SECONDS = 5
STOP_SECONDS = 12
"""For the OpenAI API's port and the engine's processes to end: vLLM itself kills those before that."""

WEBHOOK_SECONDS = 1
"""For Cog to tell what it waits for nobody to fetch: the end of predictions that were sent with respond-async."""


class Host(Protocol):
    """The Cog server."""

    async def hold(self) -> bool: ...
    def release(self) -> None: ...
    async def listening(self) -> bool: ...
    async def status(self) -> str: ...
    def kill(self) -> None: ...


class WatchedEngine(Protocol):
    @property
    def dead(self) -> bool: ...
    async def answer(self) -> None: ...
    def stop(self) -> None: ...


class Door(Protocol):
    """The OpenAI API."""

    @property
    def running(self) -> Running: ...
    def drain(self) -> None: ...
    async def stop(self) -> None: ...


class Lifecycle:
    """Of one server. `failure`: why it can answer nobody any more; None while it can."""

    def __init__(self, host: Host, engine: WatchedEngine, running: Running, door: Door | None, grace: float) -> None:
        """`running`: Cog's predictions. `grace`: seconds that running requests have to finish after SIGTERM."""
        self._host = host
        self._engine = engine
        self._running = running
        self._door = door
        self._grace = grace
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        return "The engine died" if self._engine.dead else self._failure

    def start(self) -> None:
        """Watch from now on, on the running event loop."""
        self._watching = asyncio.create_task(self.watch())

    async def watch(self) -> None:
        """Returns when the server ends."""
        log = structlog.get_logger()
        held = await self._host.hold()
        if not held:
            log.warning(
                "Cog's port does not answer on loopback: after SIGTERM only Cog's open responses are waited for"
            )
        checks = asyncio.create_task(self._check())
        try:
            while self.failure is None and (not held or await self._host.listening()):  # noqa: ASYNC110  # neither tells us
                await asyncio.sleep(TICK_SECONDS)
            if self.failure is None:
                log.info("Stopping: no new requests", running=self._left, grace=self._grace)
                await self._drain(log)
            if self.failure is not None:
                log.error(f"{self.failure}: the server ends")
                await self._leave()
                self._host.kill()
            else:
                await self._stop(log)
        finally:
            checks.cancel()
            self._host.release()

    @property
    def _doors(self) -> list[Running]:
        return [self._running, *([self._door.running] if self._door else [])]

    @property
    def _left(self) -> int:
        return sum(map(len, self._doors))

    async def _ended(self, seconds: float) -> bool:
        return all(await asyncio.gather(*(door.ended(seconds) for door in self._doors)))

    async def _drain(self, log: Any) -> None:
        if self._door:
            self._door.drain()
        # What Cog took just before its port closed is on its way here.
        await asyncio.sleep(TICK_SECONDS)
        predicting = bool(self._running)
        if not await self._ended(self._grace):
            log.warning("Canceling what still runs", running=self._left)
            for door in self._doors:
                door.cancel()
            await self._ended(CANCEL_SECONDS)
        if predicting:
            await asyncio.sleep(WEBHOOK_SECONDS)

    async def _leave(self) -> None:
        """Every request ends with a sentence: those that a dead engine does not tell itself, and all of one that is deaf."""
        if self._door:
            self._door.drain()
        if self._engine.dead:
            await self._ended(LEAVE_SECONDS)
        for door in self._doors:
            door.cancel(EngineDied() if self._engine.dead else ServerStopped())
        await self._ended(LEAVE_SECONDS)
        # What was told is still on its way through Cog.
        await asyncio.sleep(LEAVE_SECONDS)

    async def _stop(self, log: Any) -> None:
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        for stop in (*([self._door.stop] if self._door else []), self._stop_engine):
            try:
                async with asyncio.timeout_at(deadline):
                    await stop()
            except Exception as error:  # what does not stop by itself ends with the process
                log.warning("A part did not stop in order", part=stop.__qualname__, error=type(error).__name__)

    async def _stop_engine(self) -> None:
        await asyncio.to_thread(self._engine.stop)

    async def _check(self) -> None:
        lost = 0.0
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    await self._engine.answer()
            except TimeoutError:
                self._failure = f"The engine has not answered for {STUCK_SECONDS} s"
                return
            except Exception as error:  # a failed question is no reason to ask no more
                structlog.get_logger().warning("The engine could not be asked how it is", error=type(error).__name__)
            busy = not self._running and await self._host.status() == "BUSY"
            lost = lost + CHECK_SECONDS if busy and not self._running else 0
            if lost >= LOST_SECONDS:
                self._failure = "Cog has lost its slots"
