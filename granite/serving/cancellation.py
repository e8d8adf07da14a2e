"""How Cog's cancel reaches a running answer.

coglet cancels by calling `.cancel()` on the `concurrent.futures.Future` that `asyncio.run_coroutine_threadsafe` gave it
for predict(). predict() returns a generator early, so that future has finished and its `cancel` does nothing. This
module stands in for `asyncio.run_coroutine_threadsafe` in the worker and gives every future a `cancel` that also tells
the request. Where coglet stops calling that function, `current()` is None: the request then runs on, and its log says so.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any


class Cancellation:
    """Whether one request was canceled, and whom to tell. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._canceled = False
        self._tell: Callable[[], object] | None = None

    def on_cancel(self, tell: Callable[[], object]) -> None:
        """Call `tell` once when the request is canceled; at once if it was already."""
        with self._lock:
            self._tell = tell
            canceled = self._canceled
        if canceled:
            tell()

    def cancel(self) -> None:
        with self._lock:
            first, self._canceled = not self._canceled, True
            tell = self._tell
        if first and tell is not None:
            tell()


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def current() -> Cancellation | None:
    """The cancellation of the request that this code runs for."""
    return _current.get()


def install() -> None:
    """Stand in for `asyncio.run_coroutine_threadsafe` in this process; a second call changes nothing."""
    if not hasattr(asyncio.run_coroutine_threadsafe, "tells_cancellations"):
        asyncio.run_coroutine_threadsafe = _telling(asyncio.run_coroutine_threadsafe)


def _telling(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def run_coroutine_threadsafe(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Future[Any]:
        cancellation = Cancellation()
        # The loop copies this thread's context when the coroutine is handed over: predict() finds its own there.
        token = _current.set(cancellation)
        try:
            future = submit(coroutine, loop)
        finally:
            _current.reset(token)
        # Weak: a future that held itself would keep predict()'s generator, and with it a request that nobody reads.
        cancel_future = weakref.WeakMethod(future.cancel)

        def cancel() -> bool:
            cancellation.cancel()
            method = cancel_future()
            return method is not None and method()

        future.cancel = cancel  # type: ignore[method-assign]
        return future

    run_coroutine_threadsafe.tells_cancellations = True  # type: ignore[attr-defined]
    return run_coroutine_threadsafe
