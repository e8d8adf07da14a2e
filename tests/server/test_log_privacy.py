"""With LOG_PROMPTS=false no word of a caller's is kept: not in a log, a metric, a trace or a file.

Before test_operator.py, whose last test kills the server that they share.
"""

import contextlib
import json
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from granite import cache
from granite.cli.server import Server, free_port
from granite.engine.engine_args import COMPILED
from tests import canaries
from tests.both_apis import LONG, BothAPIs
from tests.canaries import body, canary, found
from tests.predictions import DEADLINE, at_once, events, predicted
from tests.samples import EXACT

TRACE = "5bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def openai(operated):
    with httpx.Client(base_url=operated.openai_url, timeout=DEADLINE) as client:
        yield client


def logged(server):
    return found(server.log.read_text())


def predict_all(client, requests):
    """Each request's status, and the canaries in its log."""
    done = at_once(requests, lambda inputs: predicted(client, **inputs))
    return {name: (prediction["status"], found(prediction["logs"])) for name, prediction in done.items()}


def post_all(client, requests):
    done = at_once(requests, lambda each: client.post(f"/v1/{each[0]}", json=body(each[1])))
    return {name: response.status_code for name, response in done.items()}


def test_what_is_answered_at_the_cog_api(operated, operated_cog):
    results = predict_all(operated_cog, canaries.ANSWERED)
    assert results == dict.fromkeys(canaries.ANSWERED, ("succeeded", []))
    assert logged(operated) == []


def test_what_is_refused_at_the_cog_api(operated, operated_cog):
    """By Cog, by us or by vLLM."""
    results = predict_all(operated_cog, canaries.COG_REFUSED)
    assert results == dict.fromkeys(canaries.COG_REFUSED, ("failed", []))
    sent = {
        name: operated_cog.post("/predictions", json={"input": each}) for name, each in canaries.COG_INVALID.items()
    }
    assert {name: response.status_code for name, response in sent.items()} == dict.fromkeys(canaries.COG_INVALID, 422)
    unknown = {canary("input"): canary("value"), **canaries.PROMPT, "max_tokens": 4}
    assert predicted(operated_cog, **unknown)["status"] == "succeeded"
    assert logged(operated) == []


def test_what_is_answered_at_the_openai_api(operated, openai):
    assert post_all(openai, canaries.OPENAI_ANSWERED) == dict.fromkeys(canaries.OPENAI_ANSWERED, 200)
    assert logged(operated) == []


def test_what_is_refused_at_the_openai_api(operated, openai):
    statuses = dict.fromkeys(canaries.OPENAI_REFUSED, 400) | {"an unknown adapter": 404}
    assert post_all(openai, canaries.OPENAI_REFUSED) == statuses
    assert logged(operated) == []


def test_what_is_no_request_at_all(operated, operated_cog, openai):
    """Routes, methods, headers, queries and bodies that are no JSON."""
    # A server may close the connection of a request that it refused.
    close = {"Connection": "close"}
    for client, path in ((operated_cog, "/predictions"), (openai, "/v1/completions")):
        for method, url, more in (
            ("GET", f"/{canary('path')}?{canary('query')}", {}),
            (canary("method"), path, {}),
            ("POST", path, {"content": f'{{"{canary("key")}": '}),
            (
                "POST",
                path,
                {"content": f'{{"{canary("key")}": 1}}', "headers": {"Content-Type": canary("content_type")}},
            ),
            (
                "POST",
                path,
                {"json": [canary("item")], "headers": {"Authorization": canary("key"), "X-A": canary("header")}},
            ),
        ):
            sent = client.request(method, url, **more | {"headers": close | more.get("headers", {})})
            assert sent.status_code < 500
    assert logged(operated) == []


def test_what_is_canceled(operated, operated_cog, openai):
    """By its caller, who leaves after the first piece."""
    for _ in zip(range(2), events(operated_cog, {**canaries.CHAT, **LONG, "stream": True}), strict=False):
        pass
    with openai.stream("POST", "/v1/chat/completions", json=body({**canaries.CHAT, **LONG, "stream": True})) as stream:
        next(stream.iter_lines())
    assert logged(operated) == []


def test_metrics_and_spans(operated_cog, openai, collector):
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": f"a={canary('state')}"}
    assert predicted(operated_cog, **canaries.PROMPT, max_tokens=4)["status"] == "succeeded"
    request = {"input": {**canaries.PROMPT, "max_tokens": 4}, "context": headers | {canary("key"): canary("value")}}
    assert operated_cog.post("/predictions", json=request).json()["status"] == "succeeded"
    assert openai.post("/v1/chat/completions", json=body(canaries.CHAT), headers=headers).status_code == 200
    spans = collector.of(TRACE, 2, DEADLINE)
    assert found("".join(map(str, spans)).replace(canary("state"), "")) == []
    assert found(openai.get("/metrics").text) == []


def test_files_that_are_left(operated):
    """The log once more, the server's directory, and where Cog and vLLM write."""
    assert logged(operated) == []
    process = psutil.Process(operated.pid)
    roots = [Path(process.cwd()), Path("/tmp/coglet"), *(cache.directory() / folder for folder in COMPILED.values())]
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    written = [path for path in files if path.stat().st_mtime >= process.create_time()]
    assert {path: each for path in written if (each := found(f"{path} {path.read_bytes()}"))} == {}


GUIDED = {
    "a call": {"tools": [canaries.TOOL], "tool_choice": canaries.NAMED},
    "a schema": {"response_format": canaries.FORMAT},
    "a regex": {
        "stop": [canary("stop")],
        "sampling_params": {"regex": canaries.CONSTRAINTS["regex"], "bad_words": [canary("bad_word")]},
    },
}


def process(apis, name):
    return next(each for each in apis.processes[1:] if each.name().startswith(name))


def wait_until_busy(process):
    """Return when it has computed for a while."""
    deadline = time.monotonic() + DEADLINE
    begun = sum(process.cpu_times()[:2])
    while sum(process.cpu_times()[:2]) < begun + 0.5:
        assert time.monotonic() < deadline


@pytest.mark.slow
@pytest.mark.parametrize(
    ("guide", "killed"),
    [*((guide, "VLLM::Worker") for guide in GUIDED), ("a call", "VLLM::Engine"), ("a call", "python")],
)
def test_what_runs_when_a_process_is_killed(guide, killed):
    """While the engine reads the prompt: without its worker it would dump the request."""
    settings = {
        "ENGINE_ARGS": json.dumps(EXACT),
        "LOG_FORMAT": "json",
        "LOG_PROMPTS": "false",
        "OPENAI_PORT": str(free_port()),
    }
    messages = [{"role": "user", "content": f"{canary('word')} " * 700}]
    chat = {"messages": messages, "max_tokens": 64, "stream": True, **GUIDED[guide]}
    with Server(settings) as server:
        server.wait()
        with BothAPIs.of(server) as apis, httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
            victim, worker = (process(apis, name) for name in (killed, "VLLM::Worker"))
            with contextlib.suppress(httpx.HTTPError):
                for name, data, _ in events(client, chat):
                    if name == "log" and "SamplingParams" in data["data"]:
                        wait_until_busy(worker)
                        victim.kill()
            assert server.ended(DEADLINE) == -signal.SIGKILL
            apis.assert_gone()
        assert logged(server) == []
