"""Routes, key, capacity and drain."""

import asyncio
import json

import pytest
from prometheus_client import REGISTRY

from granite.errors import EngineDied
from granite.openai_api import fields, response_input
from tests.fake_engine import FakeEngine
from tests.openai_app import ROUTES, Client, Connection, app_of, error_of, settle, slots_in_use

KEY = "secret"
SHUTTING_DOWN = (503, "The server is shutting down; send the request to another one, or again later.")
FULL = (503, "The server is at capacity; send the request again after the seconds in Retry-After.")
UNEXPECTED = "The server could not answer this request; its log says why."
PATHS = "/health, /metrics, /v1/models, /v1/chat/completions, /v1/completions, /v1/responses"


@pytest.mark.parametrize("path", [*PATHS.split(", "), "/", "/docs", "//v1/models", "/v1/models/"])
@pytest.mark.parametrize("header", [None, "Bearer wrong", KEY, f"Basic {KEY}", "Bearer é"])
async def test_every_path_but_health_needs_the_key(path, header):
    """Unknown ones too: without the key no route is revealed."""
    client = Client(app_of(FakeEngine(), key=KEY))
    response = await client.get(path, headers={"Authorization": header.encode("latin-1")} if header else {})
    if path == "/health":
        assert response.status_code == 200
    else:
        assert error_of(response) == (401, "The API key is missing or wrong; send it as `Authorization: Bearer KEY`.")
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await client.get("/v1/models", headers={"Authorization": f"bearer {KEY}"})).status_code == 200


async def test_models_metrics_and_health():
    engine = FakeEngine(adapters=("pirate",))
    client = Client(app_of(engine, slots=7))
    models = (await client.get("/v1/models")).json()
    assert [(each["id"], each["root"], each["parent"], each["max_model_len"]) for each in models["data"]] == [
        ("granite", "granite", None, 4096),
        ("pirate", "pirate", "granite", 4096),
    ]
    assert "granite_openai_slots 7.0" in (await client.get("/metrics")).text
    assert (await client.http.head("/health")).status_code == 200
    engine.dead = True
    assert error_of(await client.get("/health")) == (503, str(EngineDied()))
    for path in ("/", "/docs", "/v1/models/"):
        assert error_of(await client.get(path)) == (404, f"There is no such route; the routes are {PATHS}.")
    assert error_of(await client.get("/v1/responses")) == (405, "/v1/responses takes POST, not GET.")
    assert error_of(await client.http.post("/health")) == (405, "/health takes GET, not POST.")


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
    for headers in ({"traceparent": "00-1-2-01", "x-other": "x"}, {}):
        await client.http.post("/v1/completions", json={"prompt": "Hi."}, headers=headers)
    assert [each.trace_headers for each in engine.generated] == [{"traceparent": "00-1-2-01"}, None]


@pytest.mark.parametrize("route", ROUTES)
async def test_at_capacity_a_request_is_refused(route):
    """And its slot is free again when another request has ended."""
    go = asyncio.Event()
    before = REGISTRY.get_sample_value("granite_openai_refused_total", {"status": "503"}) or 0
    app = app_of(FakeEngine(go, "x"), slots=1)
    client, first = Client(app), Connection(app, route)
    first.send_body()
    await settle(lambda: slots_in_use() == 1)
    refused = await client.post(route)
    assert (error_of(refused), refused.headers["retry-after"]) == (FULL, "1")
    assert REGISTRY.get_sample_value("granite_openai_refused_total", {"status": "503"}) == before + 1
    go.set()
    assert (await first.end())[0] == (await client.post(route)).status_code == 200
    assert slots_in_use() == 0


async def test_slots_are_counted_by_sequences():
    go = asyncio.Event()
    app = app_of(FakeEngine(go, "x"), slots=3)
    client, two = Client(app), Connection(app, n=2)
    most = "the server generates at most 3 at once; lower n or send fewer prompts."
    for route, body in (("chat/completions", {"n": 4}), ("completions", {"n": 2, "prompt": ["a", "b"]})):
        assert await client.error(route, **body) == (400, f"The request asks for 4 answers, but {most}")
    two.send_body()
    await settle(lambda: len(app.running) == 1)
    assert await client.error("chat/completions", n=2) == FULL
    go.set()
    await two.end()
    assert (await client.post("completions", n=3)).status_code == 200


async def test_an_arriving_body_takes_no_slot():
    app = app_of(FakeEngine("x"), slots=1)
    client, slow = Client(app), Connection(app)
    await slow.awaited.wait()
    assert slots_in_use() == 0
    assert (await client.post("chat/completions")).status_code == 200
    slow.leave()
    await slow.end()


async def test_a_draining_server_refuses_new_requests_and_finishes_the_others():
    """One whose body arrives meanwhile is refused, too."""
    go = asyncio.Event()
    app = app_of(FakeEngine(go, "x"))
    client, running, arriving = Client(app), Connection(app), Connection(app)
    running.send_body()
    await settle(lambda: len(app.running) == 1 and arriving.awaited.is_set())
    app.draining = True
    for response in (await client.get("/health"), await client.post("chat/completions")):
        assert (error_of(response), response.headers["retry-after"]) == (SHUTTING_DOWN, "1")
    arriving.send_body()
    status, text = await arriving.end()
    assert (status, json.loads(text)["error"]["message"]) == SHUTTING_DOWN
    assert (await client.get("/metrics")).status_code == 200
    go.set()
    assert ((await running.end())[0], len(app.running)) == (200, 0)


async def test_a_bug_of_ours_is_a_500_in_openais_format():
    """Also before anything is generated."""
    assert await Client(app_of(FakeEngine("x", adapters=None))).error("completions", model="x") == (500, UNEXPECTED)


ODD = (None, True, 0, -1, 1.5, 10**18, "", "x", [], {}, [[]], [{}], {"x": 1}, [None], [1, "x"], {"type": "x"})
NAMES = fields.CHAT | fields.COMPLETION | response_input.OWN | fields.NEUTRAL.keys()
NAMES |= {"model", "n", "prompt", "echo", "stream_options", "top_logprobs", "parallel_tool_calls", "logit_bias", "user"}
NAMES |= {"structured_outputs", "bad_words", "functions"}


@pytest.mark.parametrize("route", ROUTES)
async def test_no_odd_value_is_a_500(route):
    client = Client(app_of(FakeEngine("x")))
    for name in NAMES:
        for value in ODD:
            response = await client.post(route, **{name: value})
            assert response.status_code in (200, 400, 404), (name, value, response.text)
            assert response.status_code == 200 or error_of(response)[1].endswith((".", "?")), (name, value)
