"""Every way in which a response ends."""

import asyncio
import json

import pytest

from granite.errors import EngineDied, RequestError, ServerStopped
from granite.openai_api.failure import UNEXPECTED
from tests.fake_engine import FakeEngine
from tests.openai_app import ROUTES, Client, Connection, app_of, events, settle, slots_in_use


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["chat/completions", "completions"])
async def test_a_dropped_connection_cancels_generation(route, stream, n):
    engine = FakeEngine("a", asyncio.Event())
    app = app_of(engine)
    connection = Connection(app, route, stream=stream, n=n)
    connection.send_body()
    await settle(lambda: engine.running == n)
    connection.leave()
    await connection.end()
    assert (engine.running, engine.aborted, len(app.running), slots_in_use()) == (0, n, 0, 0)


@pytest.mark.parametrize("n", [1, 2])
async def test_a_client_that_takes_nothing_loses_its_slots(n):
    """Once its time is over; its socket's buffer is full before that."""
    engine = FakeEngine("a", "b", asyncio.Event())
    app = app_of(engine, stall_seconds=0.01)
    connection = Connection(app, stream=True, n=n)
    connection.reads.clear()
    connection.send_body()
    await connection.end()
    assert (engine.running, engine.aborted, len(app.running), connection.sent) == (0, n, 0, [])


async def test_a_stream_of_several_answers_begins_with_its_start():
    connection = Connection(app_of(FakeEngine("a", "b")), stream=True, n=3)
    connection.send_body()
    status, text = await connection.end()
    assert (status, len(events(text))) == (200, 10)


async def test_a_client_that_waits_long_keeps_its_slots():
    """What is slow is the engine."""
    go = asyncio.Event()
    connection = Connection(app_of(FakeEngine("a", go, "b"), stall_seconds=0.001), stream=True)
    connection.send_body()
    await settle(lambda: connection.sent)
    done, _ = await asyncio.wait({connection.task}, timeout=0.005)
    assert not done
    go.set()
    assert events((await connection.end())[1])[-1] == "[DONE]"


@pytest.mark.parametrize("reason", [None, EngineDied()])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_canceled_request_ends_with_the_reason(route, stream, reason):
    """As the whole response, or as the last event of a stream that has begun."""
    engine = FakeEngine("a", asyncio.Event())
    app = app_of(engine)
    connection = Connection(app, route, stream=stream)
    connection.send_body()
    await settle(lambda: engine.running and bool(connection.sent) == stream)
    app.running.cancel(reason)
    status, text = await connection.end()
    *_, error, done = events(text) if stream else [json.loads(text), None]
    assert (status, error["error"]["message"]) == (200 if stream else 503, str(reason or ServerStopped()))
    assert (done, connection.sent[-1].get("more_body", False)) == ("[DONE]" if stream else None, False)
    assert (engine.aborted, len(app.running)) == (1, 0)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    ("error", "status", "kind", "sentence"),
    [
        (EngineDied(), 503, "ServiceUnavailableError", str(EngineDied())),
        (RequestError("vLLM refuses the request: x."), 400, "BadRequestError", "vLLM refuses the request: x."),
        (ZeroDivisionError("a prompt"), 500, "InternalServerError", UNEXPECTED),
    ],
)
async def test_an_error_of_the_engine_is_one_sentence(error, status, kind, sentence, n, capsys):
    """With its status if it comes before the first token, streamed or not. What it says stays out of the log."""
    content = {"error": {"message": sentence, "type": kind, "param": None, "code": status}}
    for stream in (False, True):
        response = await Client(app_of(FakeEngine(error))).post("chat/completions", stream=stream, n=n)
        assert (response.status_code, response.json()) == (status, content)
    engine = FakeEngine("a", error)
    app = app_of(engine)
    *_, last, done = await Client(app).events("completions", n=n)
    assert (last, done, engine.running, len(app.running)) == (content, "[DONE]", 0, 0)
    logged = capsys.readouterr().out
    assert ("fake_engine.py" in logged, "a prompt" in logged) == (status == 500, False)
