"""What V2 answers, at both APIs, is what V1 answers on this CPU."""

import json

import pytest

from tests.both_apis import without_ids
from tests.predictions import answer, at_once, predicted
from tests.samples import BOOK, BOSTON, CHATS, CONSTRAINTS, FILES, FRANCE, MODEL, NAMED, PAGE, TOOLS

FEW = {"temperature": 0, "max_tokens": 4}
WITHOUT = {"adapter", "logprobs", "max_completion_tokens", "max_tokens", "min_tokens"}
"""Request files that have tests of their own, or set another length."""

RAW = "<|start_of_role|>user<|end_of_role|>What is the capital of France?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
COMPLETIONS = {
    "a text": {"prompt": "The capital of France is"},
    "a formatted prompt": {"prompt": RAW},
    "token ids": {"prompt": [[5, 6, 7], [8, 9]], "echo": True},
    "fill in the middle": {"prompt": "def add(a, b):", "suffix": "\n\nprint(add(1, 2))\n"},
    "two of two": {"prompt": ["The capital of France is", RAW], "n": 2},
    "a schema": {"prompt": "A book:", "response_format": BOOK},
    **{name: {"prompt": RAW, "structured_outputs": {name: value}} for name, value in CONSTRAINTS.items()},
}
FLAT = [{"type": "function", **tool["function"]} for tool in TOOLS]
RESPONSES = {
    "a text": {"input": FRANCE},
    "thoughts": {"input": FRANCE, "thinking": True},
    "any tool": {"input": BOSTON, "tools": FLAT, "tool_choice": "required"},
    "a named tool": {"input": BOSTON, "tools": FLAT, "tool_choice": {"type": "function", "name": "get_time"}},
    "a schema": {"input": FRANCE, "text": {"format": {"type": "json_schema", "name": "book", "schema": BOOK["json_schema"]["schema"]}}},
    **{name: {"input": FRANCE, "structured_outputs": {name: value}} for name, value in CONSTRAINTS.items()},
}  # fmt: skip
ROUTES = {
    "chat/completions": {
        **{name: FEW | chat | FEW for name, chat in CHATS.items()},
        "two": {"messages": FRANCE, "n": 2, **FEW},
        "a whole call": FILES["tool_choice"] | {"tool_choice": NAMED, "temperature": 0, "max_tokens": 40},
        **{name: {"messages": FRANCE, "structured_outputs": {name: value}, **FEW} for name, value in CONSTRAINTS.items()},
    },
    "completions": {name: body | FEW for name, body in COMPLETIONS.items()},
    "responses": {name: body | {"temperature": 0, "max_output_tokens": 4} for name, body in RESPONSES.items()},
}  # fmt: skip


def content(client, request):
    """An answer's text, or the choices in each of its objects."""
    text = answer(client, **request)
    return [json.loads(line)["choices"] for line in text.splitlines()] if "messages" in request else text


def body_of(client, route, request):
    response = client.post(f"/v1/{route}", json={"model": MODEL, **request})
    assert response.status_code == 200, response.text
    return without_ids(response.json())


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


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_each_body_is_answered_as_v1_answers_it(http, v2_http, route):
    """The whole object: text, calls, thoughts, usage and finish reason."""
    requests = ROUTES[route]
    assert at_once(requests, lambda request: body_of(v2_http, route, request)) == at_once(
        requests, lambda request: body_of(http, route, request)
    )


@pytest.mark.slow
def test_a_stream_is_the_answer(v2, v2_http):
    whole = answer(v2, messages=FRANCE, **FEW)
    streamed = [json.loads(line) for line in answer(v2, messages=FRANCE, stream=True, **FEW).splitlines()]
    lines = v2_http.post("/v1/chat/completions", json={"model": MODEL, "messages": FRANCE, "stream": True, **FEW}).text
    events = [json.loads(line[6:]) for line in lines.splitlines() if line.startswith("data: {")]
    for chunks in (streamed, events):
        text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
        assert text == json.loads(whole)["choices"][0]["message"]["content"]


@pytest.mark.slow
def test_the_model_pages_request_is_answered(cog, v2):
    """Greedily as V1 does; seeded, the same twice, and with its counts."""
    request = PAGE["input"] | {"max_tokens": 8}
    greedy = request | {"temperature": 0}
    assert answer(v2, **greedy) == answer(cog, **greedy)
    first, second = (predicted(v2, **request, seed=22349) for _ in range(2))
    assert first["output"] == second["output"]
    assert (first["metrics"]["output_token_count"], first["metrics"]["finish_reason"]) == (8, "length")


@pytest.fixture(scope="module")
def among(v2):
    """The answers to 16 seeds beside each other."""
    return at_once(SEEDS, lambda request: answer(v2, **request))


SEEDS = {seed: {"prompt": "Name a colour.", "seed": seed, "max_tokens": 2} for seed in range(16)}


def test_a_seed_gives_the_same_answer_alone_and_among_others(v2, among):
    assert answer(v2, **SEEDS[3]) == among[3]
    assert len({*among.values()}) > 1


@pytest.mark.slow
def test_both_apis_give_a_seed_the_same_answer(v2_http, among):
    """Each of `n` answers has the next seed."""
    body = {"messages": [{"role": "user", "content": "Name a colour."}], "seed": 0, "n": 16, "max_tokens": 2}
    body |= {"temperature": 0.6, "top_p": 0.9, "top_k": 50}
    choices = body_of(v2_http, "chat/completions", body)["choices"]
    assert [choice["message"]["content"] for choice in choices] == [*among.values()]
