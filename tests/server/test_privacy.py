"""With LOG_PROMPTS=false no word of a caller's is kept: not in a log, a metric, a trace or a file."""

import json

import httpx
import pytest

from granite.cli.server import Server, free_port
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
    __import__("shutil").copy(server.log, "/tmp/h3last.log")
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
    for name, inputs in canaries.COG_INVALID.items():
        assert (name, operated_cog.post("/predictions", json={"input": inputs}).status_code) == (name, 422)
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
    for client, path in ((operated_cog, "/predictions"), (openai, "/v1/completions")):
        for sent in (
            client.get(f"/{canary('path')}?{canary('query')}"),
            client.request(canary("method"), path),
            client.post(path, content=f'{{"{canary("key")}": '),
            client.post(path, content=f'{{"{canary("key")}": 1}}', headers={"Content-Type": canary("content_type")}),
            client.post(path, json=[canary("item")], headers={"Authorization": canary("key"), "X-A": canary("header")}),
        ):
            assert 400 <= sent.status_code < 500
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
