"""Routes, key, capacity, drain, and every way in which a response ends."""

import asyncio
import json

import pytest
from prometheus_client import REGISTRY

from granite.errors import EngineDied, RequestError
from tests.fake_engine import FakeEngine
from tests.openai_app import ROUTES, Client, Connection, app_of, error_of, events, settle

KEY = "secret"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
SHUTTING_DOWN = (503, "The server is shutting down; send the request to another one, or again later.")
FULL = (503, "The server is at capacity; send the request again after the seconds in Retry-After.")
STOPPED = "The server stopped before the answer was complete; send the request again."
UNEXPECTED = "The server could not answer this request; its log says why."
DIED = str(EngineDied())
PATHS = "/health, /metrics, /v1/models, /v1/chat/completions, /v1/completions, /v1/responses"


@pytest.mark.parametrize("path", [*PATHS.split(", "), "/", "/docs", "//v1/models", "/v1/models/", "/v1/embeddings"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": f"Basic {KEY}"}]
)
async def test_every_path_but_health_needs_the_key(path, headers):
    """Unknown ones too: without the key no route is revealed."""
    client = Client(app_of(FakeEngine(), key=KEY))
    response = await client.get(path, headers=headers)
    if path == "/health":
        assert response.status_code == 200
    else:
        assert error_of(response) == (401, "The API key is missing or wrong; send it as `Authorization: Bearer KEY`.")
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await client.get("/v1/models", headers=WITH_KEY)).status_code == 200


async def test_unknown_routes_and_wrong_methods_are_refused_with_a_sentence():
    client = Client(app_of(FakeEngine()))
    for path in ("/", "/docs", "/v1/models/", "/v1/embeddings"):
        assert error_of(await client.get(path)) == (404, f"There is no such route; the routes are {PATHS}.")
    assert error_of(await client.get("/v1/responses")) == (405, "/v1/responses takes POST, not GET.")
    assert error_of(await client.http.post("/health")) == (405, "/health takes GET, not POST.")


async def test_models_metrics_and_health():
    engine = FakeEngine(adapters=("pirate",))
    client = Client(app_of(engine, slots=7))
    models = (await client.get("/v1/models")).json()
    assert [(each["id"], each["root"], each["parent"], each["max_model_len"]) for each in models["data"]] == [
        ("granite", "granite", None, 4096),
        ("pirate", "pirate", "granite", 4096),
    ]
    assert "granite_openai_slots 7.0" in (await client.get("/metrics")).text
    assert (await client.get("/health")).status_code == 200
    engine.dead = True
    assert error_of(await client.get("/health")) == (503, DIED)


async def test_model_names_the_model_or_an_adapter():
    engine = FakeEngine("x", adapters=("pirate",))
    client = Client(app_of(engine))
    for model, adapter in ((None, None), ("granite", None), ("pirate", "pirate")):
        answer = await client.post("chat/completions", model=model)
        assert (answer.json()["model"], engine.generated[-1].adapter) == (model or "granite", adapter)
    for model, quoted in (("gpt-4", "`gpt-4`"), (["x"], "a list"), ("x" * 99, "a text of 99 characters")):
        sentence = f"There is no model {quoted}; `model` can be `granite`, `pirate`."
        assert await client.error("completions", model=model) == (404, sentence)


async def test_trace_headers_reach_the_engine():
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    headers = {"traceparent": "00-1-2-01", "x-other": "x"}
    await client.http.post("/v1/completions", json={"prompt": "Hi."}, headers=headers)
    await client.post("completions")
    assert [each.trace_headers for each in engine.generated] == [{"traceparent": "00-1-2-01"}, None]


@pytest.mark.parametrize("route", ROUTES)
async def test_at_capacity_a_request_is_refused(route):
    """And its slot is free again when another request has ended."""
    go = asyncio.Event()
    before = REGISTRY.get_sample_value("granite_openai_refused_total", {"status": "503"}) or 0
    app = app_of(FakeEngine(go, "x"), slots=1)
    client, first = Client(app), Connection(app, route)
    first.send_body()
    await settle(lambda: REGISTRY.get_sample_value("granite_openai_slots_in_use") == 1)
    refused = await client.post(route)
    assert (error_of(refused), refused.headers["retry-after"]) == (FULL, "1")
    assert REGISTRY.get_sample_value("granite_openai_refused_total", {"status": "503"}) == before + 1
    assert (await client.get("/v1/models")).status_code == 200
    go.set()
    await first.end()
    assert (first.status, (await client.post(route)).status_code) == (200, 200)
    assert REGISTRY.get_sample_value("granite_openai_slots_in_use") == 0


async def test_slots_are_counted_by_sequences():
    client = Client(app_of(FakeEngine("x"), slots=3))
    most = "the server generates at most 3 at once; lower n or send fewer prompts."
    for route, body in (("chat/completions", {"n": 4}), ("completions", {"n": 2, "prompt": ["a", "b"]})):
        assert await client.error(route, **body) == (400, f"The request asks for 4 answers, but {most}")
    assert (await client.post("completions", n=3)).status_code == 200
    go = asyncio.Event()
    app = app_of(FakeEngine(go, "x"), slots=3)
    two = Connection(app, n=2)
    two.send_body()
    await settle(lambda: len(app.running) == 1)
    assert await Client(app).error("chat/completions", n=2) == FULL
    go.set()
    await two.end()


async def test_an_arriving_body_takes_no_slot_but_is_one_of_as_many_bodies():
    app = app_of(FakeEngine("x"), slots=1)
    slow = Connection(app)
    await settle(lambda: slow.awaited)
    assert REGISTRY.get_sample_value("granite_openai_slots_in_use") == 0
    assert await Client(app).error("chat/completions") == FULL
    slow.leave()
    await slow.end()
    assert (await Client(app).post("chat/completions")).status_code == 200


async def test_a_draining_server_refuses_new_requests_and_finishes_the_others():
    """One whose body arrives meanwhile is refused, too."""
    go = asyncio.Event()
    app = app_of(FakeEngine(go, "x"))
    running, arriving = Connection(app), Connection(app)
    running.send_body()
    await settle(lambda: len(app.running) == 1 and arriving.awaited)
    app.draining = True
    client = Client(app)
    for response in (await client.get("/health"), await client.post("chat/completions")):
        assert (error_of(response), response.headers["retry-after"]) == (SHUTTING_DOWN, "1")
    arriving.send_body()
    await arriving.end()
    assert (arriving.status, json.loads(arriving.text)["error"]["message"]) == SHUTTING_DOWN
    assert (await client.get("/metrics")).status_code == 200
    go.set()
    await running.end()
    assert (running.status, len(app.running)) == (200, 0)


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
    assert (engine.running, engine.aborted, len(app.running)) == (0, n, 0)
    assert REGISTRY.get_sample_value("granite_openai_slots_in_use") == 0


async def test_a_client_that_takes_nothing_loses_its_slots():
    """Once its time is over; its socket's buffer is full before that."""
    engine = FakeEngine("a", "b", asyncio.Event())
    app = app_of(engine, stall_seconds=0.01)
    connection = Connection(app, stream=True)
    connection.reads.clear()
    connection.send_body()
    await connection.end()
    assert (engine.running, engine.aborted, len(app.running), connection.sent) == (0, 1, 0, [])


async def test_a_client_that_waits_long_keeps_its_slots():
    """What is slow is the engine."""
    go = asyncio.Event()
    connection = Connection(app_of(FakeEngine("a", go, "b"), stall_seconds=0.001), stream=True)
    connection.send_body()
    await settle(lambda: connection.sent)
    done, _ = await asyncio.wait({connection.task}, timeout=0.005)
    assert not done
    go.set()
    await connection.end()
    assert events(connection.text)[-1] == "[DONE]"


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
    await connection.end()
    sentence = str(reason or STOPPED)
    if stream:
        *_, error, done = events(connection.text)
        assert (connection.status, error["error"]["message"], done) == (200, sentence, "[DONE]")
    else:
        assert (connection.status, json.loads(connection.text)["error"]["message"]) == (503, sentence)
    assert connection.complete
    assert (engine.aborted, len(app.running)) == (1, 0)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (EngineDied(), 503, DIED),
        (RequestError("vLLM refuses the request: x."), 400, "vLLM refuses the request: x."),
        (ZeroDivisionError("a prompt"), 500, UNEXPECTED),
    ],
)
async def test_an_error_of_the_engine_is_one_sentence(error, status, sentence, n, capsys):
    """With its status if it comes before the first token, streamed or not. What it says stays out of the log."""
    kinds = {400: "BadRequestError", 500: "InternalServerError", 503: "ServiceUnavailableError"}
    content = {"error": {"message": sentence, "type": kinds[status], "param": None, "code": status}}
    for stream in (False, True):
        response = await Client(app_of(FakeEngine(error))).post("chat/completions", stream=stream, n=n)
        assert (response.status_code, response.json()) == (status, content)
    engine = FakeEngine("a", error)
    app = app_of(engine)
    *_, last, done = await Client(app).events("completions", n=n)
    assert (last, done) == (content, "[DONE]")
    assert (engine.running, len(app.running)) == (0, 0)
    logged = capsys.readouterr().out
    assert ("fake_engine.py" in logged, "a prompt" in logged) == (status == 500, False)


async def test_a_bug_of_ours_is_a_500_in_openais_format():
    """Also before anything is generated."""
    client = Client(app_of(FakeEngine("x", adapters=None)), raise_app_exceptions=False)
    assert await client.error("completions", model="x") == (500, UNEXPECTED)


ODD = (None, True, False, 0, -1, 1.5, 10**18, "", "x", [], {}, [[]], [{}], {"x": 1}, ["x"], [None], [1, "x"], {"type": "x"})  # fmt: skip
FIELDS = {
    "chat/completions": (
        "messages", "model", "n", "stream", "stream_options", "logprobs", "top_logprobs", "tools", "tool_choice", "stop",
        "response_format", "max_tokens", "seed", "temperature", "documents", "chat_template_kwargs", "thinking",
        "logit_bias", "structured_outputs", "length", "parallel_tool_calls", "chat_template", "functions",
    ),
    "completions": ("prompt", "suffix", "echo", "logprobs", "best_of", "max_tokens", "n", "stop", "bad_words", "user"),
    "responses": (
        "input", "instructions", "text", "tools", "tool_choice", "include", "top_logprobs", "max_output_tokens",
        "reasoning", "truncation", "background", "store", "metadata", "previous_response_id",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("route", "name"), [(route, name) for route, names in FIELDS.items() for name in names])
async def test_no_odd_value_is_a_500(route, name):
    client = Client(app_of(FakeEngine("x")))
    for value in ODD:
        response = await client.post(route, **{name: value})
        assert response.status_code in (200, 400, 404), (value, response.text)
        if response.status_code != 200:
            assert error_of(response)[1].endswith((".", "?"))
