"""vLLM's model runner V2, the one that GPUs use, behind the real server: on this CPU, its Triton kernels interpreted.

A few tokens a second, so each answer is short. What it computes must be what V1 computes on the CPU.
"""

import concurrent.futures
import json
import os

import httpx
import pytest

from granite.cli.environment import ROOT
from granite.cli.server import Server, free_port
from tests.predictions import DEADLINE, answer, chunks_of, engine_is_idle, error_of, events
from tests.samples import BOOK, EXACT, FILES, FRANCE, MODEL

FEW = {"temperature": 0, "max_tokens": 4}
WITHOUT = {"adapter", "logprobs", "max_completion_tokens", "max_tokens", "min_tokens"}
"""Request files that need another server, report numbers, or set another length."""

CONSTRAINTS = {
    "regex": "[a-z]{4} [0-9]{2}",
    "choice": ["Lyon is the capital", "Nice is the capital"],
    "grammar": 'root ::= "Yes, " ("it" | "he") " is"',
    "structural_tag": json.dumps(
        {
            "type": "structural_tag",
            "format": {
                "type": "tag",
                "begin": "<a>",
                "content": {"type": "json_schema", "json_schema": BOOK["json_schema"]["schema"]},
                "end": "</a>",
            },
        }
    ),
}
"""Of vLLM's structured outputs, each with a value."""

LIMITS = {
    "allowed_token_ids": (lambda size: {"sampling_params": {"allowed_token_ids": [*range(100, 100 + size)]}}, 1024),
    "logit_bias": (
        lambda size: {"sampling_params": {"logit_bias": {str(100 + token): 1 for token in range(size)}}},
        1024,
    ),
    "stop_token_ids": (
        # The end of text counts, too.
        lambda size: {"sampling_params": {"stop_token_ids": [*range(100, 99 + size)]}, "min_tokens": 1},
        128,
    ),
    "bad_words": (
        lambda size: {"sampling_params": {"bad_words": ["zz"] + [f"{word} " * 9 for word in range(size)]}},
        39,
    ),
}
"""What V2's worker takes of each field, and a request of that size. Of bad words it counts tokens: some 26 in each here."""


@pytest.fixture(scope="module")
def runner():
    """A server whose engine runs V2."""
    settings = {
        "ENGINE_ARGS": json.dumps(EXACT),
        "OPENAI_PORT": str(free_port()),
        "TRITON_INTERPRET": "1",
        "TRUST_CHAT_TEMPLATE": "true",
        "VLLM_USE_V2_MODEL_RUNNER": "1",
    }
    server = Server(settings)
    server.variables["PYTHONPATH"] += f"{os.pathsep}{ROOT / 'tests/gpu_runner'}"
    with server:
        server.wait()
        yield server


@pytest.fixture(scope="module")
def v2(runner):
    with httpx.Client(base_url=runner.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="module")
def v2_http(runner):
    with httpx.Client(base_url=runner.openai_url, timeout=DEADLINE) as client:
        yield client


def at_once(requests, send):
    """What each request gives, all sent beside each other: V2 computes a batch in little more than one's time."""
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        return dict(zip(requests, threads.map(send, requests.values()), strict=True))


def content(client, request):
    """An answer's text, or the choices in each of its objects."""
    text = answer(client, **request)
    return [json.loads(line)["choices"] for line in text.splitlines()] if "messages" in request else text


def test_it_runs_v2(runner):
    assert "Using V2 Model Runner" in runner.log.read_text()


def test_each_input_is_answered_as_v1_answers_it(cog, v2):
    """Greedily: every file of tests/requests."""
    requests = {name: request | FEW for name, request in FILES.items() if name not in WITHOUT}
    requests |= {
        name: {"prompt": "What is the capital of France?", "sampling_params": {name: value}, **FEW, "max_tokens": 8}
        for name, value in CONSTRAINTS.items()
    }
    assert at_once(requests, lambda request: content(v2, request)) == at_once(
        requests, lambda request: content(cog, request)
    )


def test_a_seed_gives_the_same_answer_alone_and_among_others(v2):
    seeds = {seed: {"prompt": "Name a colour.", "seed": seed, "max_tokens": 2} for seed in range(16)}
    among = at_once(seeds, lambda request: answer(v2, **request))
    assert answer(v2, **seeds[3]) == among[3]
    assert len({*among.values()}) > 1


@pytest.mark.parametrize("field", LIMITS)
def test_no_accepted_request_ends_the_engine(v2, field):
    """The largest is answered; one more is a sentence."""
    request, most = LIMITS[field]
    small = {"prompt": "Say hello.", **FEW}
    assert answer(v2, **small, **request(most)) is not None
    error = error_of(v2, **small, **request(most + 10 if field == "bad_words" else most + 1))
    assert error.startswith(f"InvalidInput: `{field}` has ")
    assert answer(v2, **small)


def test_the_openai_api_has_its_log_probabilities(http, v2_http):
    """Several answers, a scored prompt, alternatives: the numbers of V1."""
    request = {"model": MODEL, "prompt": "The capital of France is", "max_tokens": 2, "temperature": 0}
    request |= {"echo": True, "logprobs": 2, "n": 2, "seed": 1}
    ours, theirs = (client.post("/v1/completions", json=request).json()["choices"] for client in (v2_http, http))
    assert [choice["text"] for choice in ours] == [choice["text"] for choice in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["logprobs"]["tokens"] == other["logprobs"]["tokens"]
        assert mine["logprobs"]["token_logprobs"][1:] == pytest.approx(
            other["logprobs"]["token_logprobs"][1:], rel=1e-3
        )


def test_a_dropped_stream_stops_the_engine(runner, v2):
    for event, _, _ in events(v2, {"messages": FRANCE, "stream": True, "max_tokens": 4000, "min_tokens": 4000}):
        if event == "output":
            break
    assert engine_is_idle(runner)
    assert chunks_of(v2, prompt="Hi", **FEW)
