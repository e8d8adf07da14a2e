"""The requests of one API that are being answered."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from granite.errors import EngineError


class Running:
    """One task for each request. Used on the tasks' event loop alone, except for `len`."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], float] = {}
        self.reason: EngineError | None = None
        """Why all of them were canceled, if they were."""

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def oldest(self) -> float:
        """When the request began that has run longest, as time.time(); now, if none runs."""
        return min(self._tasks.values(), default=time.time())

    def add(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = time.time()
        task.add_done_callback(self._tasks.pop)

    def add_current(self, on_end: Callable[[asyncio.Task[Any]], None]) -> None:
        """Add the current task; `on_end` is called with it when it ends."""
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(on_end)
        self.add(task)

    def cancel(self, reason: EngineError | None = None) -> None:
        """Cancel all. `reason`: the error they fail with; without one they end as canceled."""
        self.reason = reason
        for task in self._tasks:
            task.cancel()

    async def ended(self, seconds: float) -> bool:
        """Wait at most so long for all to end, later ones included; whether all have."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        return not self._tasks
