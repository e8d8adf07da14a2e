"""From the event loop, where the engine lives, to the thread on which Cog sends one prediction's chunks.

Cog collects what an async generator yields and sends it all at the end. What it streams is a plain generator: it awaits
`async predict()` on its event loop, then iterates the returned generator on the prediction's own thread. So a task on the
loop pumps the engine's deltas into a queue, and the generator drains the queue.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from queue import SimpleQueue
from typing import cast

from cog import CancelationException, ConcatenateIterator

from granite.output.answer import Delta
from granite.output.output import Output
from granite.serving import cancellation
from granite.serving.record import Record
from granite.serving.running import Running


def stream(deltas: AsyncGenerator[Delta], output: Output, record: Record, running: Running) -> ConcatenateIterator[str]:
    """Start pumping on the running loop and return the generator of the chunks that `output` makes of the deltas.

    The generator raises what `deltas` raised, and cog.CancelationException if the request was canceled. The record is
    complete before the generator ends: Cog takes no log line or metric after that.
    """
    loop = asyncio.get_running_loop()
    queue: SimpleQueue[Delta | BaseException | None] = SimpleQueue()

    async def pump() -> None:
        async with aclosing(deltas):
            async for delta in deltas:
                record.add(delta)
                queue.put(delta)

    def finish(task: asyncio.Task[None]) -> None:
        error = (running.reason or asyncio.CancelledError()) if task.cancelled() else task.exception()
        try:
            record.end(error)
        finally:
            queue.put(error)

    task = asyncio.create_task(pump())
    running.add(task)
    # A callback, not a `finally` in the pump: a task that is canceled before its first step never enters its body.
    task.add_done_callback(finish)

    def stop() -> None:
        if not task.done():
            loop.call_soon_threadsafe(task.cancel)

    current = cancellation.current()
    if current is None:
        record.not_cancelable()
    else:
        current.on_cancel(stop)
    generator = _chunks(queue, output, record)
    # Not a `finally` in the generator: Cog may drop it before its first step, and then its body is never entered.
    weakref.finalize(generator, stop).atexit = False
    return cast("ConcatenateIterator[str]", generator)


def _chunks(queue: SimpleQueue[Delta | BaseException | None], output: Output, record: Record) -> Iterator[str]:
    while True:
        items = [queue.get()]
        # One chunk for everything that arrived meanwhile: a slow reader costs fewer, larger chunks.
        while not queue.empty():
            items.append(queue.get())
        deltas = [item for item in items if isinstance(item, Delta)]
        with record.log_failure():
            for chunk in output.add(Delta.joined(deltas)) if deltas else ():
                record.chunk_sent()
                yield chunk
        if not isinstance(items[-1], Delta):
            break
    error = items[-1]
    if isinstance(error, asyncio.CancelledError):
        raise CancelationException("canceled")
    if isinstance(error, BaseException):
        raise error
    with record.log_failure():
        for chunk in output.end():
            record.chunk_sent()
            yield chunk
