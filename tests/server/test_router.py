"""`deploy/router` before two servers: one is killed, and requests go on.

Each test runs twice: before two small servers without a model, and before the OpenAI APIs of two real ones on the demo
weights. The tests that kill come last: all share two servers.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from granite.cli.server import Server
from tests.openai_worker import KEY
from tests.samples import EXACT

pytestmark = pytest.mark.slow

MODEL = "granite-demo"
ENGINE_ARGS = json.dumps(EXACT)
"""In float32 an answer is the same whatever else is in the batch."""
CHAT = [{"role": "user", "content": "What is granite?"}]
CLIENTS = 4
DEADLINE = 120


@dataclass(frozen=True)
class Worker:
    """A server with an OpenAI port."""

    url: str
    kill: Callable[[], None]


@dataclass(frozen=True)
class Fleet:
    """The router's address and the servers behind it."""

    url: str
    workers: list[Worker]

    def client(self, key: str = KEY) -> openai.OpenAI:
        """One that does not try again: the router does."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=DEADLINE)

    def healthy(self) -> list[str]:
        """The servers that the router sends requests to."""
        workers = httpx.get(f"{self.url}/workers").json()["workers"]
        return sorted(worker["url"] for worker in workers if worker["is_healthy"])


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def until(happened: Callable[[], bool]) -> None:
    """Wait for it; a router that never sees it fails the test."""
    deadline = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether anything does."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url).status_code == 200
    return False


@contextlib.contextmanager
def small() -> Iterator[Worker]:
    """A server without a model."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.openai_worker", str(port)])
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/health"))
        yield Worker(f"http://127.0.0.1:{port}", process.kill)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def real() -> Iterator[Worker]:
    """The OpenAI API of a real server; killing takes its engine with it, as the end of a container does."""
    port = free_port()
    settings = {"OPENAI_PORT": str(port), "OPENAI_API_KEY": KEY, "ENGINE_ARGS": ENGINE_ARGS}
    with Server(settings) as server:
        server.wait()

        def kill() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)

        yield Worker(f"http://127.0.0.1:{port}", kill)


@pytest.fixture(scope="module", params=["small", "real"])
def fleet(request, tmp_path_factory) -> Iterator[Fleet]:
    """Two servers, and the router as its file starts it, but for how often it asks for their health."""
    make = {"small": small, "real": real}[request.param]
    port, metrics, log = free_port(), free_port(), tmp_path_factory.mktemp("router") / "log"
    flags = ["--port", str(port), "--prometheus-port", str(metrics), "--health-check-interval-secs", "1"]
    with make() as one, make() as two, log.open("w") as output:
        process = subprocess.Popen(
            ["deploy/router", one.url, two.url, *flags],
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/readiness"))
            yield Fleet(f"http://127.0.0.1:{port}", [one, two])
        finally:
            process.terminate()
            assert process.wait(DEADLINE) == 0, log.read_text()


def ask(client: openai.OpenAI) -> str:
    """The likeliest answer, whole."""
    completion = client.chat.completions.create(model=MODEL, messages=CHAT, temperature=0, max_tokens=24)
    return completion.choices[0].message.content


def test_a_stream_passes_as_it_is_generated(fleet):
    """Chunk by chunk, and together the whole answer."""
    stream = fleet.client().chat.completions.create(
        model=MODEL, messages=CHAT, temperature=0, max_tokens=24, stream=True
    )
    came = [(time.monotonic(), chunk.choices[0].delta.content or "") for chunk in stream if chunk.choices]
    assert "".join(text for _, text in came) == ask(fleet.client())
    assert came[-1][0] - came[0][0] > 0.1


@pytest.mark.parametrize("key", ["another", "x" * 100])
def test_the_servers_check_the_callers_keys(fleet, key):
    """The router passes them on and adds none."""
    with pytest.raises(openai.AuthenticationError):
        ask(fleet.client(key))


def test_one_is_killed_and_requests_go_on(fleet):
    """Under load: no caller sees an error, every answer is the same, and the router learns which one lives."""
    expected, results, dead = ask(fleet.client()), [], threading.Event()

    def caller() -> None:
        client = fleet.client()
        while True:
            after = dead.is_set()
            try:
                results.append((after, ask(client)))
            except openai.OpenAIError as error:
                results.append((after, repr(error)))
            if sum(late for late, _ in results) >= 8 * CLIENTS:
                return

    callers = [threading.Thread(target=caller) for _ in range(CLIENTS)]
    for thread in callers:
        thread.start()
    until(lambda: len(results) >= 4 * CLIENTS)
    fleet.workers[0].kill()
    dead.set()
    for thread in callers:
        thread.join(DEADLINE)
    assert {answer for _, answer in results} == {expected}
    until(lambda: fleet.healthy() == [fleet.workers[1].url])
    assert ask(fleet.client()) == expected


def test_a_stream_that_is_cut_is_no_short_answer(fleet):
    """It cannot be begun again elsewhere: its caller sees an error. Every server is killed, so the one that streams is."""
    stream = fleet.client().chat.completions.create(
        model=MODEL, messages=CHAT, max_tokens=512, stream=True, extra_body={"ignore_eos": True}
    )
    next(stream)
    for worker in fleet.workers:
        worker.kill()
    with pytest.raises((httpx.HTTPError, openai.OpenAIError)):
        list(stream)
