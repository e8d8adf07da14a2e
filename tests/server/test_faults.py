"""Each process of a server is killed in turn, at rest and under load: the others follow, and callers are told."""

import contextlib
import json
import signal
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from granite.cli.environment import ROOT
from granite.cli.server import Server, free_port
from granite.serving import guardian
from tests.both_apis import DIED, LONG, BothAPIs, openai_error
from tests.predictions import DEADLINE
from tests.samples import EXACT

pytestmark = pytest.mark.slow  # each has a server of its own

WITHIN = 3
"""Seconds until no process of the server is left."""


@pytest.fixture
def apis():
    settings = {"ENGINE_ARGS": json.dumps(EXACT), "OPENAI_PORT": str(free_port()), "COG_MAX_CONCURRENCY": "4"}
    with Server(settings) as server:
        server.wait()
        with BothAPIs.of(server) as apis:
            yield apis


def processes(server):
    """The server's processes by their part."""
    own = psutil.Process(server.pid)
    (worker,) = own.children()
    parts = {"server": own, "worker": worker}
    for child in worker.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(child.cmdline())
            if child.name().startswith("VLLM"):
                parts.setdefault("engine", child)
            elif guardian.__file__ in command:
                parts["guardian"] = child
            elif "grammar_process.py" in command:
                parts["grammars"] = child
    return parts


def assert_all_end(apis, parts, killed):
    """With exit code 137, and soon."""
    begin = time.monotonic()
    parts[killed].kill()
    assert apis.server.ended(DEADLINE) == -signal.SIGKILL
    everything = {process.pid: process for process in (*apis.processes, *parts.values())}
    _, alive = psutil.wait_procs([*everything.values()], timeout=DEADLINE)
    assert alive == []
    return time.monotonic() - begin


@pytest.mark.parametrize("killed", ["worker", "server", "engine"])
def test_one_process_is_killed_under_load_and_all_end(apis, killed):
    """No caller waits for an answer that will not come."""
    prediction, stream = apis.predict(**LONG), apis.openai(stream=True, **LONG)
    seconds = assert_all_end(apis, processes(apis.server), killed)
    if killed == "engine":
        last, _ = prediction.result(DEADLINE)
        assert last["error"].endswith(DIED)
        _, text, _ = stream.result(DEADLINE)
        assert openai_error(text) == DIED
    else:
        for answer in (prediction, stream):
            with contextlib.suppress(httpx.HTTPError):
                answer.result(DEADLINE)
        assert seconds < WITHIN * 5  # generous: the machine is shared


@pytest.mark.parametrize("killed", ["worker", "server", "engine"])
def test_one_process_is_killed_at_rest_and_all_end(apis, killed):
    assert_all_end(apis, processes(apis.server), killed)


def test_what_only_helps_is_started_again(apis):
    """The guardian at once, the process for grammars with the next grammar; neither death disturbs anyone."""
    parts = processes(apis.server)
    for name in ("guardian", "grammars"):
        parts[name].kill()
    guided = {"prompt": "Hi", "sampling_params": {"choice": ["yes", "no"]}, "max_tokens": 4}
    with httpx.Client(base_url=apis.server.url, timeout=DEADLINE) as client:
        assert client.post("/predictions", json={"input": guided}).json()["status"] == "succeeded"
    again = processes(apis.server)
    assert again["guardian"].pid != parts["guardian"].pid
    assert again["grammars"].pid != parts["grammars"].pid
    assert_all_end(apis, again, "worker")


@pytest.mark.parametrize("command", ["serve", "predict"])
def test_a_command_that_is_killed_leaves_no_server(command, monkeypatch):
    """By SIGKILL, which it cannot handle."""
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setenv("ENGINE_ARGS", json.dumps(EXACT))
    arguments = ["Write a long story.", "-i", "max_tokens=4000"] if command == "predict" else []
    own = subprocess.Popen(
        [sys.executable, "-m", f"granite.cli.{command}", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    parts = {}
    deadline = time.monotonic() + DEADLINE
    while "engine" not in parts:
        assert time.monotonic() < deadline
        with contextlib.suppress(psutil.NoSuchProcess, ValueError):
            for child in psutil.Process(own.pid).children():
                parts = processes(child)
    own.kill()
    own.wait()
    _, alive = psutil.wait_procs([*parts.values()], timeout=DEADLINE)
    assert alive == []
