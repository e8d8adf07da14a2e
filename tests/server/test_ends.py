"""How a server ends: by SIGTERM under load, by the death of its engine, by the loss of its slots."""

import contextlib
import json
import os
import queue
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import openai
import pytest

from granite.cli.server import Server, free_port
from tests.both_apis import DIED, LONG, STOPPED, BothAPIs, openai_error
from tests.conftest import KEY
from tests.predictions import DEADLINE, events
from tests.samples import MODEL

SHORT = {"max_tokens": 48, "min_tokens": 48}
GRACE = 4


@pytest.fixture
def apis():
    settings = {
        "ENGINE_ARGS": json.dumps({"enforce_eager": True}),
        "OPENAI_PORT": str(free_port()),
        "OPENAI_API_KEY": KEY,
        "SHUTDOWN_GRACE": str(GRACE),
        "COG_MAX_CONCURRENCY": "4",
    }
    with Server(settings) as server:
        server.wait()
        with BothAPIs.of(server, KEY) as apis:
            yield apis


@pytest.fixture
def webhooks():
    """An address of ours, and what Cog sends to it."""
    received = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", received
        server.shutdown()


def test_sigterm_finishes_what_it_can_and_cancels_the_rest(apis, webhooks):
    """At both APIs, within the grace; new requests are refused, no process is left, and the exit code is 0."""
    hook, received = webhooks
    long_prediction, long_stream = apis.predict(**LONG), apis.openai(stream=True, **LONG)
    long_chat = apis.openai(stream=False, **LONG)
    short_prediction, short_chat = apis.predict(**SHORT), apis.openai(stream=False, **SHORT)
    asynchronous = {"input": {"prompt": "Hi.", **SHORT}, "webhook": hook, "webhook_events_filter": ["completed"]}
    sent = httpx.post(f"{apis.server.url}/predictions", json=asynchronous, headers={"Prefer": "respond-async"})
    assert sent.status_code == 202
    apis.wait_for_openai(3)
    terminated = time.monotonic()
    os.kill(apis.server.pid, signal.SIGTERM)
    while (health := httpx.get(f"{apis.openai_url}/health")).status_code == 200:
        assert time.monotonic() < terminated + DEADLINE
    assert health.status_code == 503
    with pytest.raises(openai.InternalServerError, match="The server is shutting down"):
        openai.OpenAI(base_url=f"{apis.openai_url}/v1", api_key=KEY, max_retries=0).completions.create(
            model=MODEL, prompt="x"
        )
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{apis.server.url}/health-check")

    prediction, _ = short_prediction.result()
    assert (prediction["status"], prediction["metrics"]["output_token_count"]) == ("succeeded", 48)
    status, text, _ = short_chat.result()
    assert (status, json.loads(text)["usage"]["completion_tokens"]) == (200, 48)
    assert received.get(timeout=DEADLINE)["status"] == "succeeded"

    prediction, at = long_prediction.result()
    assert prediction["status"] == "canceled"
    assert 0 < prediction["metrics"]["output_token_count"] < 8000
    assert at - terminated > GRACE
    status, text, at = long_stream.result()
    assert (status, openai_error(text), text.endswith("data: [DONE]\n\n")) == (200, STOPPED, True)
    assert at - terminated > GRACE
    status, text, _ = long_chat.result()
    assert (status, openai_error(text)) == (503, STOPPED)

    assert apis.server.ended(DEADLINE) == 0
    apis.assert_gone()


@pytest.mark.slow
def test_an_engine_killed_while_nothing_runs_ends_the_server(apis):
    apis.kill_engine()
    apis.assert_killed()


@pytest.mark.slow
def test_an_engine_killed_before_the_first_token_fails_the_request(apis):
    """While it prefills a long prompt."""
    with httpx.Client(base_url=apis.server.url, timeout=DEADLINE) as client:
        last = None
        for name, data, _ in events(client, {"prompt": "word " * 7000}):
            assert name != "output"
            if name == "log" and "SamplingParams" in data["data"]:
                apis.kill_engine()
            last = data if name == "completed" else last
    assert last["error"] == f"Prediction failed: Generator iteration error: EngineDied: {DIED}"
    apis.assert_killed()


@pytest.mark.slow
def test_a_request_to_a_dead_engine_fails_with_a_sentence(apis):
    """Sent in the two seconds before the server is killed."""
    apis.kill_engine()
    response = httpx.post(f"{apis.server.url}/predictions", json={"input": {"prompt": "x"}}, timeout=DEADLINE)
    assert response.json()["error"].endswith(f"EngineDied: {DIED}")
    apis.assert_killed()


@pytest.mark.slow
def test_a_chat_whose_engine_dies_before_the_first_token_fails(apis):
    """One that is sent after it is refused, or finds the port closed."""
    chat = apis.openai(stream=False, messages=[{"role": "user", "content": "word " * 7000}], max_tokens=8)
    apis.wait_for_openai(1)
    apis.kill_engine()
    status, text, _ = chat.result()
    assert (status, openai_error(text)) == (503, DIED)
    with contextlib.suppress(httpx.HTTPError):
        status, text, _ = apis.openai(stream=False, max_tokens=8).result()
        assert status == 503
    apis.assert_killed()


@pytest.mark.slow
def test_a_server_that_lost_its_slots_ends(apis):
    """A prediction id that cannot be a directory name takes one for ever."""
    for _ in range(4):
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(
                f"{apis.server.url}/predictions", json={"id": "x" * 300, "input": {"prompt": "x"}}, timeout=DEADLINE
            )
    assert httpx.get(f"{apis.server.url}/health-check").json()["status"] == "BUSY"
    assert apis.server.ended(2 * DEADLINE) == -signal.SIGKILL
    apis.assert_gone()
