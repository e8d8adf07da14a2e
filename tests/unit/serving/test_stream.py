"""From the event loop to the thread that sends a prediction's chunks."""

import asyncio
import re
import types

import pytest
import structlog
from cog import CancelationException

from granite.errors import EngineDied
from granite.output.answer import Delta
from granite.serving.cancellation import Cancellation, _current
from granite.serving.record import Record
from granite.serving.running import Running
from granite.serving.stream import stream

DIED = {"error": "EngineDied", "reason": str(EngineDied())}


class Scope:
    """Cog's, of one prediction."""

    def __init__(self):
        self.metrics = {}

    def record_metric(self, name, value):
        self.metrics[name] = value


class Text:
    """Each delta's text as a chunk."""

    def add(self, delta):
        if delta.text:
            yield delta.text

    def end(self):
        yield from ()


@pytest.fixture
def log():
    with structlog.testing.capture_logs() as entries:
        yield entries


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


def started(engine, scope=None, cancellation=None, running=None):
    token = _current.set(cancellation or Cancellation())
    try:
        record = Record("Hi.", scope or Scope())
        record.answer.prompt_tokens = 3
        return stream(engine.generate(), Text(), record, Running() if running is None else running)
    finally:
        _current.reset(token)


def events(log):
    """Each entry's level, event and values of its own; the first is predict()'s start."""
    own = ({"request_id", "user_prompt", "log_level", "event"}, log[1:])
    return [
        (entry["log_level"], entry["event"], {key: value for key, value in entry.items() if key not in own[0]})
        for entry in own[1]
    ]


def drained(chunks):
    return asyncio.to_thread(list, chunks)


async def test_text_arrives_whole_and_the_record_is_complete_before_the_end(log):
    """A delta without text, a special token's, makes no chunk."""
    scope = Scope()
    chunks = started(Engine(Delta("Per", 1), Delta("", 1), Delta("plexity", 2, "stop")), scope)
    assert isinstance(chunks, types.GeneratorType)
    assert "".join(await drained(chunks)) == "Perplexity"
    assert log[0] == {
        "log_level": "info",
        "event": "predict() commencing",
        "request_id": log[0]["request_id"],
        "user_prompt": "Hi.",
    }
    result, generation, complete = events(log)
    assert result == ("debug", "result", {"finish_reason": "stop", "text": "Perplexity"})
    assert re.fullmatch(r"Generation took \d+\.\d\ds", generation[1])
    assert complete == ("info", "predict() complete", {})
    assert scope.metrics["output_token_count"] == 4


async def test_the_first_chunk_does_not_wait_for_the_second():
    """The engine is blocked after the first token until its chunk has arrived."""
    engine = Engine(Delta("a", 1), ..., Delta("b", 1, "length"))
    chunks = started(engine)
    assert await asyncio.to_thread(next, chunks) == "a"
    engine.go.set()
    assert await drained(chunks) == ["b"]


async def test_what_arrived_while_the_reader_lagged_is_one_chunk():
    engine = Engine(Delta("a", 1), Delta("b", 1), Delta("c", 1), ..., Delta("d", 1, "stop"))
    chunks = started(engine)
    await engine.waits.wait()
    assert await asyncio.to_thread(next, chunks) == "abc"
    engine.go.set()
    assert await drained(chunks) == ["d"]


async def test_a_cancel_stops_the_engine_and_ends_as_canceled(log):
    """Token counts are recorded all the same."""
    engine, scope, cancellation = Engine(Delta("a", 1), ...), Scope(), Cancellation()
    chunks = started(engine, scope, cancellation)
    assert await asyncio.to_thread(next, chunks) == "a"
    cancellation.cancel()
    with pytest.raises(CancelationException):
        await drained(chunks)
    assert engine.stopped
    assert events(log) == [("info", "predict() canceled", {"output_token_count": 1})]
    assert (scope.metrics["input_token_count"], scope.metrics["output_token_count"]) == (3, 1)


async def test_a_cancel_before_the_first_step_ends_too(log):
    """A task that never entered its body runs no `finally`: the thread must not hang."""
    cancellation = Cancellation()
    cancellation.cancel()
    chunks = started(Engine(...), cancellation=cancellation)
    with pytest.raises(CancelationException):
        await asyncio.wait_for(drained(chunks), 10)
    assert events(log) == [("info", "predict() canceled", {"output_token_count": 0})]


async def test_an_output_that_fails_is_logged(log):
    class Broken(Text):
        def add(self, delta):
            raise ZeroDivisionError("no tokens")

    chunks = stream(Engine(Delta("a", 1)).generate(), Broken(), Record("Hi.", Scope()), Running())
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(list, chunks)
    assert ("error", "predict() failed", {"error": "ZeroDivisionError", "reason": "no tokens"}) in events(log)


async def test_an_engine_that_dies_ends_the_answer_with_its_sentence(log):
    """What came before is sent."""
    chunks = started(Engine(Delta("a", 1), EngineDied()))
    received = []
    with pytest.raises(EngineDied, match=r"^The engine died while it ran"):
        await asyncio.to_thread(received.extend, chunks)
    assert received == ["a"]
    assert events(log) == [("error", "predict() failed", {**DIED, "output_token_count": 1})]


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_reader_that_goes_away_stops_the_engine(steps):
    """Cog drops the generator when it cannot send, and when a cancel arrives before its first step."""
    engine = Engine(Delta("a", 1), ...)
    chunks = started(engine)
    await engine.waits.wait()
    for _ in range(steps):
        assert next(chunks) == "a"
    del chunks
    for _ in range(100):
        await asyncio.sleep(0)
    assert engine.stopped


async def test_a_request_that_cannot_be_canceled_says_so(log):
    """If coglet no longer submits predict() as it did, the request runs on."""
    chunks = stream(Engine(Delta("a", 1, "stop")).generate(), Text(), Record("Hi.", Scope()), Running())
    assert await drained(chunks) == ["a"]
    warning = "This request cannot be canceled: Cog no longer submits it as this package expects"
    assert events(log)[0] == ("warning", warning, {})


async def test_a_request_that_is_canceled_with_a_reason_fails_with_it(log):
    running, engine = Running(), Engine(Delta("a", 1), ...)
    chunks = started(engine, running=running)
    await engine.waits.wait()
    running.cancel(EngineDied())
    with pytest.raises(EngineDied):
        await drained(chunks)
    assert events(log) == [("error", "predict() failed", {**DIED, "output_token_count": 1})]
