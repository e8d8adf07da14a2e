"""How a server ends: by SIGTERM under load, by the death of its engine, by the loss of its slots."""

import concurrent.futures
import contextlib
import json
import os
import queue
import signal
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import openai
import psutil
import pytest
from tests.test_predict import DEADLINE, events

from granite.cli.server import Server, free_port
from tests.conftest import KEY

LONG = {"max_tokens": 8000, "min_tokens": 8000}
SHORT = {"max_tokens": 48, "min_tokens": 48}
STORY = [{"role": "user", "content": "Tell a very long story."}]
GRACE = 4
STOPPED = "The server had to stop before the answer was complete: send the request again."
DIED = "The engine died while it ran this request: send it again once the server is back."


@dataclass
class Doors:
    """A server with both doors, and what a test asks of them from threads of its own."""

    server: Server
    openai_url: str
    headers: dict[str, str]
    processes: list[psutil.Process]
    threads: concurrent.futures.ThreadPoolExecutor

    @classmethod
    @contextlib.contextmanager
    def of(cls, server, key):
        """`key`: of the OpenAI API, if it has one."""
        own = psutil.Process(server.pid)
        with concurrent.futures.ThreadPoolExecutor(16) as threads:
            yield cls(
                server,
                f"http://127.0.0.1:{server.variables['OPENAI_PORT']}",
                {"Authorization": f"Bearer {key}"} if key else {},
                [own, *own.children(recursive=True)],
                threads,
            )

    def predict(self, **inputs):
        """The last event of a streamed prediction, and when it came; set off once the first chunk is here."""
        begun = threading.Event()

        def asked():
            with httpx.Client(base_url=self.server.url, timeout=DEADLINE) as client:
                last = None
                for name, data, _ in events(client, {"prompt": STORY[0]["content"], **inputs}):
                    last = data if name == "completed" else last
                    if name == "output":
                        begun.set()
                return last, time.monotonic()

        return self.begun(asked, begun)

    def chat(self, stream, path="chat/completions", **fields):
        """A request at the second door: its status, its text, and when it came."""
        begun = threading.Event()
        asks = {"responses": {"input": "Tell a story."}, "completions": {"prompt": "Once"}}.get(
            path, {"messages": STORY}
        )

        def asked():
            body = {"model": "granite-demo", "stream": stream, **asks, **fields}
            with httpx.stream(
                "POST", f"{self.openai_url}/v1/{path}", json=body, headers=self.headers, timeout=DEADLINE
            ) as response:
                text = ""
                for line in response.iter_lines():
                    text += f"{line}\n"
                    begun.set()
                return response.status_code, text, time.monotonic()

        return self.begun(asked, begun if stream else None)

    def begun(self, asked, begun):
        future = self.threads.submit(asked)
        if begun is not None:
            assert begun.wait(DEADLINE)
        return future

    def metric(self, name):
        text = httpx.get(f"{self.openai_url}/metrics", headers=self.headers).text
        return float(next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} ")))

    def gone(self):
        """Whether every process ends, soon after the server's own did."""
        _, alive = psutil.wait_procs(self.processes, timeout=30)
        return [process.name() for process in alive] == []


@pytest.fixture
def doors():
    settings = {
        "ENGINE_ARGS": json.dumps({"enforce_eager": True}),
        "OPENAI_PORT": str(free_port()),
        "OPENAI_API_KEY": KEY,
        "SHUTDOWN_GRACE": str(GRACE),
        "COG_MAX_CONCURRENCY": "4",
    }
    with Server(settings) as server:
        server.wait()
        with Doors.of(server, KEY) as doors:
            yield doors


def error_of(text):
    """The sentence of an error, as a whole response or as the last event of a stream."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            if "error" in (data := json.loads(line.removeprefix("data: "))):
                return data["error"]["message"]
    return None


@pytest.fixture
def webhooks():
    """What Cog sends to an address of ours."""
    came = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            came.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", came
        server.shutdown()


def test_sigterm_finishes_what_it_can_and_cancels_the_rest(doors, webhooks):
    """At both doors, within the grace; new requests are refused, nothing is left, and the exit code is 0."""
    hook, came = webhooks
    long_prediction, long_stream = doors.predict(**LONG), doors.chat(stream=True, **LONG)
    long_chat = doors.chat(stream=False, **LONG)
    short_prediction, short_chat = doors.predict(**SHORT), doors.chat(stream=False, **SHORT)
    asynchronous = {"input": {"prompt": "Hi.", **SHORT}, "webhook": hook, "webhook_events_filter": ["completed"]}
    sent = httpx.post(f"{doors.server.url}/predictions", json=asynchronous, headers={"Prefer": "respond-async"})
    assert sent.status_code == 202
    while doors.metric("granite_openai_places_in_use") < 3:
        pass
    told = time.monotonic()
    os.kill(doors.server.pid, signal.SIGTERM)
    while (health := httpx.get(f"{doors.openai_url}/health")).status_code == 200:
        assert time.monotonic() < told + DEADLINE
    assert health.status_code == 503
    with pytest.raises(openai.InternalServerError, match="about to stop and takes no new requests"):
        openai.OpenAI(base_url=f"{doors.openai_url}/v1", api_key=KEY, max_retries=0).completions.create(
            model="granite-demo", prompt="x"
        )
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{doors.server.url}/health-check")

    prediction, _ = short_prediction.result()
    assert (prediction["status"], prediction["metrics"]["output_token_count"]) == ("succeeded", 48)
    status, text, _ = short_chat.result()
    assert (status, json.loads(text)["usage"]["completion_tokens"]) == (200, 48)
    assert came.get(timeout=DEADLINE)["status"] == "succeeded"

    prediction, at = long_prediction.result()
    assert prediction["status"] == "canceled"
    assert 0 < prediction["metrics"]["output_token_count"] < 8000
    assert at - told > GRACE
    status, text, at = long_stream.result()
    assert (status, error_of(text), text.endswith("data: [DONE]\n\n")) == (200, STOPPED, True)
    assert at - told > GRACE
    status, text, _ = long_chat.result()
    assert (status, error_of(text)) == (503, STOPPED)

    assert doors.server.ended(DEADLINE) == 0
    assert doors.gone()


def kill_engine(doors):
    for process in doors.processes:
        if process.name().startswith("VLLM"):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def ends_as_dead(doors):
    """UNHEALTHY until the server process is gone: killed, so that the platform starts it again."""
    deadline = time.monotonic() + DEADLINE
    while (status := httpx.get(f"{doors.server.url}/health-check", timeout=10).json()["status"]) != "UNHEALTHY":
        assert (status, time.monotonic() < deadline) == ("READY", True)
    assert doors.server.ended(DEADLINE) == -signal.SIGKILL
    assert doors.gone()


@pytest.mark.slow
def test_an_engine_killed_while_nothing_runs_ends_the_server(doors):
    """Nobody has to ask first."""
    kill_engine(doors)
    ends_as_dead(doors)


@pytest.mark.slow
def test_an_engine_killed_before_the_first_token_fails_the_request(doors):
    """While a long prompt is read."""
    prompt = "word " * 7000
    with httpx.Client(base_url=doors.server.url, timeout=DEADLINE) as client:
        last = None
        for name, data, _ in events(client, {"prompt": prompt, "system_prompt": "Be brief."}):
            assert name != "output"
            if name == "log" and "SamplingParams" in data["data"]:
                kill_engine(doors)
            last = data if name == "completed" else last
    assert last["error"] == f"Prediction failed: Generator iteration error: EngineDied: {DIED}"
    ends_as_dead(doors)


@pytest.mark.slow
def test_a_request_to_a_dead_engine_fails_in_a_sentence(doors):
    """Sent in the two seconds in which what ran may leave."""
    kill_engine(doors)
    answered = httpx.post(f"{doors.server.url}/predictions", json={"input": {"prompt": "x"}}, timeout=DEADLINE)
    assert answered.json()["error"].endswith(f"EngineDied: {DIED}")
    ends_as_dead(doors)


@pytest.mark.slow
def test_a_chat_whose_engine_dies_before_the_first_token_fails(doors):
    """At the second door; one that is sent after it is refused, or finds the port closed."""
    prompt = [{"role": "user", "content": "word " * 7000}]
    asked = doors.chat(stream=False, messages=prompt, max_tokens=8)
    while doors.metric("granite_openai_places_in_use") < 1:
        pass
    kill_engine(doors)
    status, text, _ = asked.result()
    assert (status, error_of(text)) == (503, DIED)
    with contextlib.suppress(httpx.HTTPError):
        status, text, _ = doors.chat(stream=False, max_tokens=8).result()
        assert status == 503
    ends_as_dead(doors)


@pytest.mark.slow
def test_a_server_that_lost_its_slots_ends(doors):
    """A prediction's id that cannot be a directory's name takes one for ever."""
    for _ in range(4):
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(
                f"{doors.server.url}/predictions", json={"id": "x" * 300, "input": {"prompt": "x"}}, timeout=DEADLINE
            )
    assert httpx.get(f"{doors.server.url}/health-check").json()["status"] == "BUSY"
    assert doors.server.ended(2 * DEADLINE) == -signal.SIGKILL
    assert doors.gone()
