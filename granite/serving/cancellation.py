"""How Cog's cancel reaches a running answer.

coglet cancels by calling `.cancel()` on the `concurrent.futures.Future` that `asyncio.run_coroutine_threadsafe` returned
for predict(). predict() returns a generator early, so that future is done and its `cancel` does nothing. This module
replaces `asyncio.run_coroutine_threadsafe` in the worker, so that every future's `cancel` also notifies the request. If
coglet stops calling that function, `current()` is None: the request then runs on, and its log says so.
"""

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any


class Cancellation:
    """Whether one request was canceled, and what to call then. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._canceled = False
        self._callback: Callable[[], object] | None = None

    def on_cancel(self, callback: Callable[[], object]) -> None:
        """Call `callback` once when the request is canceled; at once if it already was."""
        with self._lock:
            self._callback = callback
            canceled = self._canceled
        if canceled:
            callback()

    def cancel(self) -> None:
        with self._lock:
            first, self._canceled = not self._canceled, True
            callback = self._callback
        if first and callback is not None:
            callback()


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def current() -> Cancellation | None:
    """The cancellation of the current request."""
    return _current.get()


def install() -> None:
    """Replace `asyncio.run_coroutine_threadsafe` in this process; a second call changes nothing."""
    if not hasattr(asyncio.run_coroutine_threadsafe, "notifies_requests"):
        asyncio.run_coroutine_threadsafe = _notifying(asyncio.run_coroutine_threadsafe)


def _notifying(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def run_coroutine_threadsafe(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Future[Any]:
        cancellation = Cancellation()
        # The loop copies this thread's context when the coroutine is handed over: predict() finds its own there.
        token = _current.set(cancellation)
        try:
            future = submit(coroutine, loop)
        finally:
            _current.reset(token)
        # Weak: a future that held itself would keep predict()'s generator, and with it its request alive.
        cancel_future = weakref.WeakMethod(future.cancel)

        def cancel() -> bool:
            cancellation.cancel()
            method = cancel_future()
            return method is not None and method()

        future.cancel = cancel  # type: ignore[method-assign]
        return future

    run_coroutine_threadsafe.notifies_requests = True  # type: ignore[attr-defined]
    return run_coroutine_threadsafe
