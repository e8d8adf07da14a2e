"""The requests of one door that are being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from granite.errors import EngineError


class Running:
    """Tasks of the event loop, one for each request; used on that loop alone, but for `len`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.reason: EngineError | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def add_current(self, ended: Callable[[asyncio.Task[Any]], None]) -> None:
        """Add the task that this code runs in; `ended` is told of its end."""
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(ended)
        self.add(task)

    def cancel(self, reason: EngineError | None = None) -> None:
        """`reason`: what the requests fail by; without one they end as canceled."""
        self.reason = reason
        for task in self._tasks:
            task.cancel()

    async def ended(self, seconds: float) -> bool:
        """Wait until none is left, at most so long; whether none is."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        return not self._tasks
