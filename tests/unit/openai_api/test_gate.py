"""The gate of the OpenAI API, before a small application of the tests' own in vLLM's place."""

import asyncio
import json

import httpx
import pytest
from prometheus_client import REGISTRY

from granite.openai_api import asked
from granite.openai_api.gate import GENERATING, OFFERED, Gate
from granite.openai_api.places import Capacity

KEY = "secret"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}


class App:
    """Answers at once, or when a test lets it; notes what reached it."""

    def __init__(self):
        self.reached = []
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.status = 200
        self.streams = False
        self.heard = None

    async def __call__(self, scope, receive, send):
        self.reached.append((scope["method"], scope["path"]))
        await receive()
        if self.streams:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        self.began.set()
        if scope["path"] in GENERATING:
            gone, go = asyncio.create_task(receive()), asyncio.create_task(self.go.wait())
            await asyncio.wait({gone, go}, return_when=asyncio.FIRST_COMPLETED)
            self.heard = gone.result() if gone.done() else None
        if self.streams:
            last = b"data: 2\n\n" if self.status == 200 else b'data: {"error": {"message": "EngineCore"}}\n\n'
        else:
            await send({"type": "http.response.start", "status": self.status, "headers": []})
            last = b"whole"
        await send({"type": "http.response.body", "body": last})


class Door:
    """A gate, and what a client gets from it."""

    def __init__(self, key=KEY, most=2):
        self.app = App()
        self.engine_died = False
        self.capacity = Capacity(most)
        self.gate = Gate(self.app, key, self.capacity, lambda: self.engine_died)

    async def ask(self, method="POST", path="/v1/chat/completions", headers=WITH_KEY, body=b"{}", more=False):
        arriving = asyncio.Queue()
        arriving.put_nowait({"type": "http.request", "body": body, "more_body": more})
        sent = []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }

        async def send(message):
            sent.append(message)

        await self.gate(scope, arriving.get, send)
        start, *bodies = sent
        assert [body.get("more_body", False) for body in bodies] == [True] * (len(bodies) - 1) + [False]
        return httpx.Response(start["status"], headers=start["headers"], content=b"".join(b["body"] for b in bodies))


def error(response):
    body = json.loads(response.text)["error"]
    assert set(body) == {"message", "type", "param", "code"}
    assert body["code"] == response.status_code
    return body["message"]


@pytest.mark.parametrize("path", [*OFFERED, "/", "/docs", "/invocations", "/v1/embeddings", "/tokenize", "/v1/models/"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": f"Basic {KEY}"}]
)
async def test_every_route_but_health_wants_the_key(path, headers):
    """Also those that are not there: who has no key does not learn which."""
    door = Door()
    response = await door.ask("POST" if path in GENERATING else "GET", path, headers)
    if path == "/health":
        assert response.status_code == 200
    else:
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert error(response) == (
            "The key is missing or wrong: send the header Authorization: Bearer KEY, as OPENAI_API_KEY has it."
        )
        assert door.app.reached == []


@pytest.mark.parametrize("path", OFFERED)
async def test_what_is_offered_reaches_vllm(path):
    """With the key, and where none is set, without."""
    method = "POST" if path in GENERATING else "GET"
    for door, headers in ((Door(), WITH_KEY), (Door(key=None), {})):
        response = await door.ask(method, path, headers)
        assert (response.status_code, response.text) == (200, "whole")
        assert door.app.reached == [(method, path)]


async def test_what_is_not_offered_is_not_there():
    """Whatever vLLM's application has at the path."""
    door = Door()
    response = await door.ask("POST", "/invocations")
    assert response.status_code == 404
    assert error(response) == f"There is no such route; there are {', '.join(OFFERED)}."
    response = await door.ask("GET", "/v1/completions")
    assert (response.status_code, error(response)) == (405, "/v1/completions takes POST, not GET.")
    assert door.app.reached == []


async def test_at_capacity_a_request_is_told_when_to_come_again():
    """And its place is free again when another has ended."""
    before = REGISTRY.get_sample_value("granite_openai_turned_away_total", {"status": "503"}) or 0
    door = Door(most=1)
    door.app.go.clear()
    first = asyncio.create_task(door.ask())
    await door.app.began.wait()
    assert REGISTRY.get_sample_value("granite_openai_places_in_use") == 1
    second = await door.ask()
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert error(second) == "The server is at capacity: send the request again, after the time that Retry-After gives."
    assert (await door.ask("GET", "/v1/models")).status_code == 200
    door.app.go.set()
    assert (await first).status_code == 200
    assert (await door.ask()).status_code == 200
    assert REGISTRY.get_sample_value("granite_openai_turned_away_total", {"status": "503"}) == before + 1
    assert (REGISTRY.get_sample_value("granite_openai_places"), door.capacity.taken) == (1, 0)


async def test_vllms_own_503_gets_a_retry_after():
    """It has none."""
    door = Door()
    door.app.status = 503
    response = await door.ask()
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_a_server_that_stops_takes_nothing_new_and_finishes_the_rest():
    """A load balancer learns it at /health; metrics are still given."""
    door = Door()
    door.app.go.clear()
    running = asyncio.create_task(door.ask())
    await door.app.began.wait()
    door.gate.draining = True
    sentence = "The server is about to stop and takes no new requests: send it to another one, or again after a while."
    for method, path in (("GET", "/health"), ("POST", "/v1/chat/completions")):
        response = await door.ask(method, path)
        assert (response.status_code, error(response), response.headers["retry-after"]) == (503, sentence, "1")
    door.app.go.set()
    assert (await door.ask("GET", "/metrics")).status_code == 200
    assert (await running).text == "whole"


STOPPED = "The server had to stop before the answer was complete: send the request again."


@pytest.mark.parametrize("streams", [False, True])
async def test_what_must_stop_ends_with_a_sentence(streams):
    """As the whole response or as a stream's last event; vLLM hears of it as of a dropped connection."""
    door = Door()
    door.app.go.clear()
    door.app.streams = streams
    running = asyncio.create_task(door.ask())
    await door.app.began.wait()
    door.gate.running.cancel()
    response = await running
    if streams:
        _, event, done, _ = response.text.split("\n\n")
        assert response.status_code == 200
        assert json.loads(event.removeprefix("data: "))["error"]["message"] == STOPPED
        assert (response.text[:7], done) == ("data: 1", "data: [DONE]")
    else:
        assert (response.status_code, error(response)) == (503, STOPPED)
    assert door.app.heard == {"type": "http.disconnect"}
    assert (len(door.gate.running), door.capacity.taken) == (0, 0)


DIED = "The engine died while it ran this request: send it again once the server is back."


@pytest.mark.parametrize("streams", [False, True])
async def test_a_dead_engine_is_told_in_our_words(streams):
    """vLLM's point to a stack trace that no caller sees."""
    door = Door()
    door.app.go.clear()
    door.app.streams, door.app.status = streams, 500
    running = asyncio.create_task(door.ask())
    await door.app.began.wait()
    door.engine_died = True
    door.app.go.set()
    response = await running
    if streams:
        assert json.loads(response.text.split("\n\n")[1].removeprefix("data: "))["error"]["message"] == DIED
    else:
        assert (response.status_code, error(response)) == (503, DIED)


async def test_an_exception_of_a_dead_engine_is_told_too():
    """Where vLLM's stream raises in place of an event."""
    door = Door()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        door.engine_died = True
        raise RuntimeError

    door.gate._app = app
    response = await door.ask()
    assert json.loads(response.text.split("\n\n")[1].removeprefix("data: "))["error"]["message"] == DIED
    door.engine_died = False

    async def broken(scope, receive, send):
        raise ZeroDivisionError

    door.gate._app = broken
    with pytest.raises(ZeroDivisionError):
        await door.ask()
    assert (len(door.gate.running), door.capacity.taken) == (0, 0)


async def test_vllms_own_500_is_told_in_our_words():
    """Its words are of its code."""
    door = Door()
    door.app.status = 500
    response = await door.ask()
    assert (response.status_code, error(response)) == (
        500,
        "The server could not answer this request: its log says why.",
    )


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 400, "The body is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        (b"[1]", 400, "The body must be a JSON object, got a list."),
        (b'{"top_k": 1' + b"0" * 30 + b"}", 400, "top_k holds a number that is not within 64 bits."),
        (b'{"top_k": 1e30}', 400, "top_k holds a number that is not within 64 bits."),
        (b'{"n": {"a": [-9223372036854775809]}}', 400, "n holds a number that is not within 64 bits."),
        (b'{"n": ' + b"9" * 400 + b"}", 400, "n holds a number that is not within 64 bits."),
        (b'{"n": ' + b"9" * 5000 + b"}", 400, "The body holds a number of thousands of digits, which nothing here takes."),
        (b'{"a": [' + b"0," * 500_000 + b"0]}", 400, "The body holds more than 500000 values: send less."),
        (b'{"seed": NaN}', 400, "seed holds a number that is not within 64 bits."),
        (b'{"stop": ["\\ud800"]}', 400, "stop holds half a surrogate pair, which is no character."),
        (b'{"\\ud800": 1}', 400, "? holds half a surrogate pair, which is no character."),
        (b'{"a": ' + b"[" * 101 + b"]" * 101 + b"}", 400, "The body is nested deeper than 100 levels: flatten it."),
        (b"[" * 100_000, 400, "The body is nested deeper than 100 levels: flatten it."),
        (b" " * (2**23 + 1), 413, "The body has more than 8388608 bytes: send less."),
    ],
)  # fmt: skip
async def test_a_body_that_vllm_could_not_carry_is_refused(body, status, sentence):
    """It reaches no engine: there it ends in a leak, or in the engine's death."""
    door = Door()
    response = await door.ask(body=body)
    assert (response.status_code, error(response)) == (status, sentence)
    assert (door.app.reached, door.capacity.taken) == ([], 0)


@pytest.mark.parametrize("body", [b'{"seed": 9223372036854775807}', b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}"])
async def test_a_body_within_the_bounds_is_handed_on(body):
    """Whole, and once."""
    door, found = Door(), []

    async def app(scope, receive, send):
        found.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door.gate._app = app
    await door.ask(body=body)
    assert found == [{"type": "http.request", "body": body, "more_body": False}]


async def test_a_body_that_does_not_arrive_takes_no_place(monkeypatch):
    """And is waited for no longer than a while."""
    monkeypatch.setattr("granite.openai_api.body.SECONDS", 0.01)
    door = Door(most=1)
    response = await door.ask(body=b"{", more=True)
    assert response.status_code == 408
    assert error(response) == "The body did not arrive within 0.01 seconds: send the request again."
    assert door.capacity.taken == 0


async def test_a_body_that_arrives_in_the_end_is_too_late():
    """The server began to stop while it was on its way."""
    door = Door()
    arriving, sent = asyncio.Queue(), []

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", b"Bearer secret")]
    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": headers}
    asking = asyncio.create_task(door.gate(scope, arriving.get, send))
    await asyncio.sleep(0)
    door.gate.draining = True
    arriving.put_nowait({"type": "http.request", "body": b"{}"})
    await asking
    assert (sent[0]["status"], door.app.reached) == (503, [])


async def test_a_client_that_reads_nothing_keeps_no_place(monkeypatch):
    """vLLM hears of it as of a dropped connection."""
    monkeypatch.setattr("granite.openai_api.exchange.SEND_SECONDS", 0.01)
    door = Door()
    door.app.streams = True
    door.app.go.clear()

    async def send(message):
        await asyncio.Event().wait()

    arriving = asyncio.Queue()
    arriving.put_nowait({"type": "http.request", "body": b"{}"})
    headers = [(b"authorization", b"Bearer secret")]
    await door.gate(
        {"type": "http", "method": "POST", "path": "/v1/completions", "headers": headers}, arriving.get, send
    )
    assert door.app.heard == {"type": "http.disconnect"}
    assert (len(door.gate.running), door.capacity.taken) == (0, 0)


async def test_the_schedulers_headers_are_not_a_callers():
    """vLLM hands on what they hold."""
    door, found = Door(), []

    async def app(scope, receive, send):
        found.append(dict(scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door.gate._app = app
    await door.ask(headers=WITH_KEY | {"X-Vllm-Priority": "1" + "0" * 30, "traceparent": "x"})
    assert found == [{b"authorization": b"Bearer secret", b"traceparent": b"x"}]


async def test_the_request_is_known_behind_the_gate():
    """vLLM's renderer and parser find it in their context."""
    door, found = Door(), []

    async def app(scope, receive, send):
        found.append(asked.current.get().places)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door.gate._app = app
    await door.ask()
    await door.ask()
    assert len(set(map(id, found))) == 2
    assert asked.current.get(None) is None
