"""The requests of one door."""

import asyncio

from granite.serving.running import Running


async def test_a_request_counts_until_it_ends():
    """However it ends."""
    running, go = Running(), asyncio.Event()
    done, failed = asyncio.create_task(go.wait()), asyncio.create_task(asyncio.wait_for(go.wait(), 0))
    running.add(done)
    running.add(failed)
    assert len(running) == 2
    go.set()
    assert await running.ended(60)
    assert len(running) == 0
    assert isinstance(failed.exception(), TimeoutError)


async def test_who_does_not_end_in_time_can_be_canceled():
    """The wait says that something is left."""
    running = Running()
    stuck = asyncio.create_task(asyncio.Event().wait())
    running.add(stuck)
    assert not await running.ended(0.01)
    running.cancel()
    assert await running.ended(60)
    assert stuck.cancelled()


async def test_a_request_that_comes_while_others_are_waited_for_is_waited_for_too():
    """Cog hands on what it took just before its port closed."""
    running, go = Running(), asyncio.Event()

    async def first():
        running.add(asyncio.create_task(go.wait()))
        asyncio.get_running_loop().call_soon(go.set)

    running.add(asyncio.create_task(first()))
    assert await running.ended(60)
    assert go.is_set()


async def test_the_current_task_is_counted_and_its_end_is_told():
    """predict() itself, before it has an answer to pump."""
    running, ended = Running(), []

    async def predict():
        running.add_current(ended.append)
        assert len(running) == 1

    task = asyncio.create_task(predict())
    await task
    await asyncio.sleep(0)
    assert (len(running), ended) == (0, [task])
