"""How a server ends: in order after SIGTERM, and at once when it can answer nobody any more.

It watches from the engine's event loop. Three faults end the server at once: the engine died; the engine hangs; Cog has
no free slot while nothing runs (a prediction whose id cannot be a directory name costs Cog its slot for ever).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from granite.errors import EngineDied, ServerStopped
from granite.serving.cog_server import CogServer
from granite.serving.leftovers import Leftovers
from granite.serving.running import Running

if TYPE_CHECKING:
    from granite.engine.engine import Engine


class OpenAIAPI(Protocol):
    """`OpenAIServer`, which stands above this room."""

    @property
    def running(self) -> Running: ...
    def drain(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True)
class Timing:
    """Seconds."""

    grace: float = 30
    """For running requests to finish after SIGTERM."""
    tick: float = 0.25
    check: float = 15
    hung: float = 120
    """Without an answer of the engine."""
    slots_lost: float = 60
    leave: float = 1
    """For running requests to end before the server is killed, and again for their errors to be sent."""
    cancel: float = 5
    webhooks: float = 1
    """For Cog to deliver the last webhooks."""
    stop: float = 12
    """For the OpenAI API's port and the engine's processes to end: vLLM kills those before that."""


class Lifecycle:
    def __init__(
        self,
        cog: CogServer,
        engine: Engine,
        predictions: Running,
        openai_api: OpenAIAPI | None,
        timing: Timing,
    ) -> None:
        self._cog = cog
        self._engine = engine
        self._openai_api = openai_api
        self._running = [predictions, *([openai_api.running] if openai_api else [])]
        self._timing = timing
        self._failure: str | None = None
        self._leftovers = Leftovers()

    @property
    def failure(self) -> str | None:
        """Why this server can answer nobody any more; None while it can."""
        return "The engine died" if self._engine.dead else self._failure

    def start(self) -> None:
        """Watch from now on, on the running event loop."""
        self._watching = asyncio.create_task(self.watch())

    async def watch(self) -> None:
        """Returns when the server ends."""
        log = structlog.get_logger()
        kept = await self._cog.keep_alive()
        if not kept:
            log.warning("Cog's port does not answer on loopback: SIGTERM will wait only for Cog's open responses")
        checks = asyncio.create_task(self._check())
        try:
            while self.failure is None and (not kept or await self._cog.is_listening()):  # noqa: ASYNC110  # no event exists for either
                await asyncio.sleep(self._timing.tick)
            if self.failure is None:
                log.info("Stopping: no new requests", running=self._count, grace=self._timing.grace)
                await self._drain(log)
            if self.failure is not None:
                log.error(f"{self.failure}: the server ends")
                await self._fail_running()
                self._cog.kill()
            else:
                await self._stop(log)
        finally:
            checks.cancel()
            self._cog.release()

    @property
    def _count(self) -> int:
        return sum(map(len, self._running))

    async def _ended(self, seconds: float) -> bool:
        return all(await asyncio.gather(*(running.ended(seconds) for running in self._running)))

    async def _drain(self, log: Any) -> None:
        if self._openai_api:
            self._openai_api.drain()
        # Requests that Cog accepted just before its port closed are still on their way here.
        await asyncio.sleep(self._timing.tick)
        had_predictions = bool(self._running[0])
        if not await self._ended(self._timing.grace):
            log.warning("Canceling what still runs", running=self._count)
            for running in self._running:
                running.cancel()
            await self._ended(self._timing.cancel)
        if had_predictions:
            await asyncio.sleep(self._timing.webhooks)

    async def _fail_running(self) -> None:
        """Fail every running request with one sentence, whether the engine died or hung."""
        if self._openai_api:
            self._openai_api.drain()
        if self._engine.dead:
            await self._ended(self._timing.leave)
        for running in self._running:
            running.cancel(EngineDied() if self._engine.dead else ServerStopped())
        await self._ended(self._timing.leave)
        # Cog is still sending the errors.
        await asyncio.sleep(self._timing.leave)

    async def _stop(self, log: Any) -> None:
        deadline = asyncio.get_running_loop().time() + self._timing.stop
        for stop in (*([self._openai_api.stop] if self._openai_api else []), self._stop_engine):
            try:
                async with asyncio.timeout_at(deadline):
                    await stop()
            except Exception as error:  # it then ends with the process
                log.warning("A part did not stop in order", part=stop.__qualname__, error=type(error).__name__)

    async def _stop_engine(self) -> None:
        await asyncio.to_thread(self._engine.stop)

    async def _check(self) -> None:
        lost = 0.0
        while True:
            await asyncio.sleep(self._timing.check)
            await self._leftovers.sweep(self._running[0].oldest)
            try:
                async with asyncio.timeout(self._timing.hung):
                    await self._engine.ping()
            except TimeoutError:
                self._failure = f"The engine has not answered for {self._timing.hung} s"
                return
            except Exception as error:  # keep polling after an unexpected error
                structlog.get_logger().warning("The engine's ping failed", error=type(error).__name__)
            predictions = self._running[0]
            busy = not predictions and await self._cog.status() == "BUSY"
            lost = lost + self._timing.check if busy and not predictions else 0
            if lost >= self._timing.slots_lost:
                self._failure = "Cog has lost its slots"
                return
