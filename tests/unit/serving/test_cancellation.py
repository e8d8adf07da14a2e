"""Cog's cancel, as coglet sends it: `.cancel()` on the future of a coroutine that has finished."""

import asyncio
import inspect
import threading
import weakref

import pytest

from granite.serving import cancellation


@pytest.fixture
def loop():
    """An event loop on a thread of its own, like coglet's, with the stand-in installed."""
    plain = asyncio.run_coroutine_threadsafe
    cancellation.install()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    asyncio.run_coroutine_threadsafe = plain


async def predict(told):
    cancellation.current().on_cancel(told.set)


def test_a_finished_coroutine_still_hears_of_its_cancel(loop):
    """The whole reason of the module: where this fails, CPython or coglet has moved."""
    told = threading.Event()
    future = asyncio.run_coroutine_threadsafe(predict(told), loop)
    future.result(10)
    assert not told.is_set()
    future.cancel()
    assert told.is_set()


def test_a_dropped_future_lets_its_result_go(loop):
    """At once, not when Python next looks for cycles: what predict() returned stops its request when it goes."""

    class Chunks:
        pass

    async def predict():
        return Chunks()

    future = asyncio.run_coroutine_threadsafe(predict(), loop)
    chunks = weakref.ref(future.result(10))
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)  # the loop lets go of the first task, too
    assert chunks() is not None
    del future
    assert chunks() is None


def test_a_cancel_before_the_request_listens_is_not_lost():
    """It is told as soon as somebody listens, and only once."""
    told = []
    canceled = cancellation.Cancellation()
    canceled.cancel()
    canceled.on_cancel(lambda: told.append("stop"))
    canceled.cancel()
    assert told == ["stop"]


def test_each_request_has_its_own(loop):
    """A cancel reaches one of two that run."""
    first, second = threading.Event(), threading.Event()
    future = asyncio.run_coroutine_threadsafe(predict(first), loop)
    other = asyncio.run_coroutine_threadsafe(predict(second), loop)
    future.result(10), other.result(10)
    other.cancel()
    assert (first.is_set(), second.is_set()) == (False, True)


def test_a_running_coroutine_is_canceled_as_before(loop):
    """What asyncio itself does still happens."""
    entered = threading.Event()

    async def forever():
        entered.set()
        await asyncio.Event().wait()

    future = asyncio.run_coroutine_threadsafe(forever(), loop)
    assert entered.wait(10)
    assert future.cancel()
    assert future.cancelled()


def test_without_the_stand_in_there_is_nobody_to_ask():
    """The request then runs on, and says so in its log."""
    assert cancellation.current() is None


def test_a_second_install_changes_nothing(loop):
    """No stand-in for a stand-in."""
    installed = asyncio.run_coroutine_threadsafe
    cancellation.install()
    assert asyncio.run_coroutine_threadsafe is installed


def test_the_function_that_is_stood_in_for_still_takes_what_coglet_gives():
    """A coroutine and a loop, by position."""
    assert list(inspect.signature(asyncio.run_coroutine_threadsafe).parameters) == ["coro", "loop"]
