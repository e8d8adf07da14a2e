"""From the event loop to the thread that sends a prediction's chunks."""

import asyncio
import types

import pytest
from cog import CancelationException

from granite.errors import EngineDied
from granite.output.answer import Answer, Delta
from granite.output.text import Text
from granite.serving.cancellation import Cancellation, _current
from granite.serving.record import Record
from granite.serving.running import Running
from granite.serving.stream import chunks as streamed


class Journal:
    """Takes what a Record writes, in order."""

    def __init__(self):
        self.entries = []
        self.metrics = {}

    def __getattr__(self, level):
        return lambda event, **values: self.entries.append((level, event, values))

    def record_metric(self, name, value):
        self.metrics[name] = value


class Engine:
    """Yields what a test lets it, and says whether it was stopped."""

    def __init__(self, *deltas):
        self.deltas = deltas
        self.stopped = False
        self.go = asyncio.Event()
        self.waits = asyncio.Event()

    async def generate(self):
        try:
            for delta in self.deltas:
                if delta is Ellipsis:
                    self.waits.set()
                    await self.go.wait()
                elif isinstance(delta, Exception):
                    raise delta
                else:
                    yield delta
        finally:
            self.stopped = True


def started(engine, journal, cancellation=None):
    token = _current.set(cancellation or Cancellation())
    try:
        return streamed(engine.generate(), Record(Answer(prompt_tokens=3), journal, journal), Text(), Running())
    finally:
        _current.reset(token)


def drained(chunks):
    return asyncio.to_thread(list, chunks)


async def test_text_arrives_whole_and_the_record_is_complete_before_the_end():
    """A delta without text, a special token's, makes no chunk."""
    journal = Journal()
    chunks = started(Engine(Delta("Per", 1), Delta("", 1), Delta("plexity", 2, "stop")), journal)
    assert isinstance(chunks, types.GeneratorType)
    assert "".join(await drained(chunks)) == "Perplexity"
    assert [entry[1].split(" took")[0] for entry in journal.entries] == ["result", "Generation", "predict() complete"]
    assert journal.entries[0][2] == {"finish_reason": "stop", "text": "Perplexity"}
    assert journal.metrics["output_token_count"] == 4


async def test_the_first_chunk_does_not_wait_for_the_second():
    """The engine is held after the first token until its chunk is there."""
    engine, journal = Engine(Delta("a", 1), ..., Delta("b", 1, "length")), Journal()
    chunks = started(engine, journal)
    assert await asyncio.to_thread(next, chunks) == "a"
    engine.go.set()
    assert await drained(chunks) == ["b"]


async def test_what_came_while_the_reader_lagged_is_one_chunk():
    """Fewer, larger chunks."""
    engine = Engine(Delta("a", 1), Delta("b", 1), Delta("c", 1), ..., Delta("d", 1, "stop"))
    chunks = started(engine, Journal())
    await engine.waits.wait()
    assert await asyncio.to_thread(next, chunks) == "abc"
    engine.go.set()
    assert await drained(chunks) == ["d"]


async def test_a_cancel_stops_the_engine_and_ends_as_canceled():
    """Token counts are recorded all the same."""
    engine, journal, cancellation = Engine(Delta("a", 1), ...), Journal(), Cancellation()
    chunks = started(engine, journal, cancellation)
    assert await asyncio.to_thread(next, chunks) == "a"
    cancellation.cancel()
    with pytest.raises(CancelationException):
        await drained(chunks)
    assert engine.stopped
    assert journal.entries == [("info", "predict() canceled", {"output_token_count": 1})]
    assert (journal.metrics["input_token_count"], journal.metrics["output_token_count"]) == (3, 1)


async def test_a_cancel_before_the_first_step_ends_too():
    """A task that never entered its body has no `finally`: the thread must not hang."""
    journal, cancellation = Journal(), Cancellation()
    cancellation.cancel()
    chunks = started(Engine(...), journal, cancellation)
    with pytest.raises(CancelationException):
        await asyncio.wait_for(drained(chunks), 10)
    assert journal.entries == [("info", "predict() canceled", {"output_token_count": 0})]


async def test_an_engine_that_dies_ends_the_answer_with_its_sentence():
    """What came before is sent."""
    journal = Journal()
    chunks = started(Engine(Delta("a", 1), EngineDied()), journal)
    received = []
    with pytest.raises(EngineDied, match=r"^The engine died while it ran"):
        await asyncio.to_thread(received.extend, chunks)
    assert received == ["a"]
    assert journal.entries == [("error", "predict() failed", {"error": "EngineDied", "output_token_count": 1})]


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_reader_that_goes_away_stops_the_engine(steps):
    """Cog drops the generator when it cannot send, and also where a cancel comes before its first step."""
    engine = Engine(Delta("a", 1), ...)
    chunks = started(engine, Journal())
    await engine.waits.wait()
    for _ in range(steps):
        assert next(chunks) == "a"
    del chunks
    for _ in range(100):
        await asyncio.sleep(0)
    assert engine.stopped


async def test_a_request_that_cannot_be_canceled_says_so():
    """Where coglet no longer submits predict() as it did, it runs on."""
    journal = Journal()
    chunks = streamed(Engine(Delta("a", 1, "stop")).generate(), Record(Answer(1), journal, journal), Text(), Running())
    assert await drained(chunks) == ["a"]
    assert journal.entries[0][:2] == (
        "warning",
        "This request cannot be canceled: Cog no longer submits it as this package expects",
    )


async def test_a_request_that_is_ended_for_a_reason_fails_by_it():
    """A dead engine tells nobody whom it did not know."""
    journal, running, engine = Journal(), Running(), Engine(Delta("a", 1), ...)
    token = _current.set(Cancellation())
    chunks = streamed(engine.generate(), Record(Answer(1), journal, journal), Text(), running)
    _current.reset(token)
    await engine.waits.wait()
    running.cancel(EngineDied())
    with pytest.raises(EngineDied):
        await drained(chunks)
    assert journal.entries[-1][1] == "predict() failed"
