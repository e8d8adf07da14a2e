"""The OpenAI API beside the Cog API, on one real engine."""

import concurrent.futures
import json
import time

import httpx
import jsonschema
import openai
import psutil
import pytest

from granite.cli.server import CPU_CONCURRENCY
from tests.conftest import KEY
from tests.predictions import DEADLINE, answer, engine_is_idle, error_of, events, predicted
from tests.samples import BOOK, BOSTON, CHATS, FRANCE, GREEDY, MODEL, TOOLS

SCHEMA = BOOK["json_schema"]["schema"]


@pytest.fixture(scope="module")
def client(http):
    """OpenAI's own, without retries."""
    return openai.OpenAI(base_url=f"{http.base_url}/v1", api_key=KEY, max_retries=0, timeout=DEADLINE)


def plain(message):
    """A message as comparable: without nulls, and without the random ids of calls."""
    calls = [{**call, "id": "ID"} for call in message.get("tool_calls") or []]
    rest = {key: value for key, value in message.items() if value is not None and key != "tool_calls"}
    return rest | ({"tool_calls": calls} if calls else {})


def streamed(client, **request):
    """The message that a stream's chunks make up."""
    message = {}
    for chunk in client.chat.completions.create(model=MODEL, stream=True, **request):
        delta = chunk.choices[0].delta.model_dump(exclude_unset=True)
        for call in delta.pop("tool_calls", None) or []:
            calls = message.setdefault("tool_calls", [])
            if call["index"] == len(calls):
                calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
            for key, text in call["function"].items():
                calls[call["index"]]["function"][key] += text or ""
        for key, value in delta.items():
            message[key] = message.get(key, "") + value if isinstance(value, str) else value
    return plain(message)


OPENAIS_OWN = {"messages", "tools", "tool_choice", "response_format", "max_tokens", "temperature", "stop"}


@pytest.mark.parametrize("name", CHATS)
def test_both_apis_give_the_same_answer(cog, client, name):
    """Whole and streamed: message, usage and finish reason."""
    request = {"max_tokens": 96} | CHATS[name] | {"temperature": 0}
    fields = {key: value for key, value in request.items() if key in OPENAIS_OWN}
    fields["extra_body"] = {key: value for key, value in request.items() if key not in OPENAIS_OWN}
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        prediction = threads.submit(answer, cog, **request)
        whole = threads.submit(client.chat.completions.create, model=MODEL, **fields)
        stream = threads.submit(streamed, client, **fields)
    expected = json.loads(prediction.result())
    completion = json.loads(whole.result().model_dump_json(exclude_unset=True))
    message = plain(expected["choices"][0]["message"])
    assert plain(completion["choices"][0]["message"]) == message
    assert {"content": "", **stream.result()} == {"content": "", **message}
    assert completion["usage"] == expected["usage"]
    assert completion["choices"][0]["finish_reason"] == expected["choices"][0]["finish_reason"]


CONTROL = "<|start_of_role|>"
REFUSED = {
    "a message": {"messages": [{"role": "user", "content": f"x{CONTROL}"}]},
    "a system message": {"messages": [{"role": "system", "content": CONTROL}, *FRANCE]},
    "a token in two parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "<|start_of_"}, {"type": "text", "text": "role|>"}]}]},
    "a document": {"messages": FRANCE, "documents": [{"text": f"x {CONTROL}"}]},
    "a tool": {"messages": FRANCE, "tools": [{"type": "function", "function": {"name": "f", "description": CONTROL}}]},
    "an earlier call": {"messages": [*FRANCE, {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": CONTROL})}}]}]},
    "too long a prompt": {"messages": [{"role": "user", "content": "word " * 9000}]},
    "too many tokens": {"messages": FRANCE, "max_tokens": 8190},
    "thinking with documents": {"messages": FRANCE, "thinking": True, "documents": [{"text": "x"}]},
    "citations without documents": {"messages": FRANCE, "citations": True},
    "an unenforced schema": {"messages": FRANCE, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array", "uniqueItems": True}}}},
    "an impossible schema": {"messages": FRANCE, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "text"}}}},
    "a broken template": {"messages": FRANCE, "chat_template": "{{ 1 / 0 }}"},
    "a wrong control": {"messages": FRANCE, "chat_template_kwargs": {"controls": {"length": "medium"}}},
    "top_p": {"messages": FRANCE, "top_p": 0},
    "temperature": {"messages": FRANCE, "temperature": 0.001},
    "min_tokens": {"messages": FRANCE, "min_tokens": 9},
    "seed": {"messages": FRANCE, "seed": 2**63},
    "stop": {"messages": FRANCE, "stop": ["\0"]},
    "two mistakes": {"messages": [{"role": "narrator", "content": "x"}], "citations": True, "top_p": 0},
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_both_apis_refuse_in_the_same_words(cog, http, name):
    request = {"max_tokens": 8} | REFUSED[name]
    sentence = error_of(cog, **request).partition(": ")[2]
    response = http.post("/v1/chat/completions", json={"model": MODEL, **request})
    error = {"message": sentence, "type": "BadRequestError", "param": None, "code": 400}
    if name == "seed":  # no JSON number beyond 64 bits passes the OpenAI API's body
        assert response.status_code == 400
    else:
        assert (response.status_code, response.json()["error"]) == (400, error)


GUIDES = [
    {"regex": "("},
    {"grammar": 'root ::= "unclosed'},
    {"structural_tag": "{}"},
    {"choice": ["b"], "regex": "a"},
]


@pytest.mark.parametrize("guide", GUIDES)
def test_every_guide_is_refused_in_the_same_words_by_every_route(cog, http, guide):
    sentence = error_of(cog, prompt="x", sampling_params={"structured_outputs": guide}).partition(": ")[2]
    for route, body in (("chat/completions", {"messages": FRANCE}), ("completions", {"prompt": "x"}), ("responses", {"input": "x"})):  # fmt: skip
        response = http.post(f"/v1/{route}", json={"model": MODEL, "structured_outputs": guide, **body})
        assert (response.status_code, response.json()["error"]["message"]) == (400, sentence)


RAW = "<|start_of_role|>user<|end_of_role|>What is the capital of France?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"


def test_completions_skip_the_template(cog, client):
    """Text as it is, a formatted prompt, and fill in the middle."""
    raw = client.completions.create(model=MODEL, prompt=RAW, **GREEDY).choices[0].text
    assert raw == answer(cog, prompt=RAW, **GREEDY)
    middle = {"prompt": "def add(a, b):", "suffix": "\n\nprint(add(1, 2))\n"}
    assert client.completions.create(model=MODEL, **middle, **GREEDY).choices[0].text == answer(cog, **middle, **GREEDY)
    two = client.completions.create(model=MODEL, prompt=["The capital of France is", RAW], **GREEDY).choices
    assert two[0].text.startswith(" Paris")
    assert two[1].text == raw
    stream = client.completions.create(model=MODEL, prompt=RAW, stream=True, **GREEDY)
    assert "".join(chunk.choices[0].text for chunk in stream) == raw


def test_completions_score_a_text_as_evaluation_harnesses_ask(client):
    """With `echo` and `logprobs`: the prompt's own log probabilities, from text and from token ids alike."""
    text = "The capital of France is Paris"
    scored = client.completions.create(model=MODEL, prompt=text, echo=True, logprobs=1, max_tokens=1, temperature=0)
    logprobs = scored.choices[0].logprobs
    assert scored.choices[0].text.startswith(text)
    assert "".join(logprobs.tokens).startswith(text)
    assert logprobs.token_logprobs[0] is None
    paris = logprobs.tokens.index(" Paris")
    assert logprobs.token_logprobs[paris] == max(logprobs.top_logprobs[paris].values()) > -1
    only = client.completions.create(model=MODEL, prompt=text, echo=True, logprobs=1, max_tokens=0, temperature=0)
    assert only.choices[0].text == text
    assert only.choices[0].logprobs.tokens == logprobs.tokens[:-1]


def test_several_answers_differ_by_their_seeds(client):
    """`n` counts in the usage, and the first is the answer to the same request alone."""
    request = {"model": MODEL, "messages": FRANCE, "seed": 5, "temperature": 1, "max_tokens": 16}
    alone = client.chat.completions.create(**request)
    three = client.chat.completions.create(**request, n=3)
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert three.choices[0].message.content == alone.choices[0].message.content
    assert len({choice.message.content for choice in three.choices}) > 1
    assert three.usage.prompt_tokens == alone.usage.prompt_tokens
    assert three.usage.completion_tokens > alone.usage.completion_tokens


def test_responses_answer_as_chats_do(client):
    """Text, calls, structured output and earlier turns."""
    greedy = {"temperature": 0, "max_output_tokens": 96}
    chat = client.chat.completions.create(model=MODEL, messages=FRANCE, temperature=0, max_tokens=96)
    text = chat.choices[0].message.content
    assert client.responses.create(model=MODEL, input=FRANCE[0]["content"], **greedy).output_text == text
    with client.responses.stream(model=MODEL, input=FRANCE[0]["content"], **greedy) as stream:
        assert "".join(event.delta for event in stream if event.type == "response.output_text.delta") == text
        assert stream.get_final_response().output_text == text
    tools = [{"type": "function", **tool["function"]} for tool in TOOLS]
    forced = {"tool_choice": "required", "temperature": 0}
    called = client.responses.create(
        model=MODEL, input=BOSTON[0]["content"], tools=tools, max_output_tokens=96, **forced
    ).output[0]
    chat = client.chat.completions.create(model=MODEL, messages=BOSTON, tools=TOOLS, max_tokens=96, **forced)
    expected = chat.choices[0].message.tool_calls[0].function
    assert (called.name, called.arguments) == (expected.name, expected.arguments)
    book = client.responses.create(
        model=MODEL,
        input="Describe the book Moby Dick.",
        text={"format": {"type": "json_schema", "name": "book", "schema": SCHEMA}},
        **greedy,
    )
    jsonschema.validate(json.loads(book.output_text), SCHEMA)
    named = [{"role": "user", "content": [{"type": "input_text", "text": "My name is Ada."}]}]
    hello = client.responses.create(model=MODEL, input=named, **greedy).output[0]
    history = [*named, hello.model_dump(), {"role": "user", "content": "What is my name?"}]
    turns = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": hello.content[0].text},
        {"role": "user", "content": "What is my name?"},
    ]
    again = client.chat.completions.create(model=MODEL, messages=turns, temperature=0, max_tokens=96)
    response = client.responses.create(model=MODEL, input=history, **greedy)
    assert response.output_text == again.choices[0].message.content
    assert response.usage.input_tokens == again.usage.prompt_tokens


def test_one_engine_serves_both_apis(server):
    """One EngineCore process, one copy of the weights."""
    names = [process.name() for process in psutil.Process(server.pid).children(recursive=True)]
    assert len([name for name in names if name.startswith("VLLM::EngineCore")]) == 1


def test_a_dropped_connection_stops_the_engine(http, server):
    """Streamed or not."""
    body = {"model": MODEL, "messages": FRANCE, "max_tokens": 8000, "min_tokens": 8000}
    with http.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as response:
        next(response.iter_lines())
    assert engine_is_idle(server)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{http.base_url}/v1/chat/completions", json=body, headers=http.headers, timeout=3)
    assert engine_is_idle(server)


def metric(http, name):
    lines = http.get("/metrics").text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


def test_neither_api_can_starve_the_other(cog, http, server):
    """All slots of one are taken: it refuses at once, the other answers."""
    body = {"model": MODEL, "messages": FRANCE, "max_tokens": 4000, "min_tokens": 4000, "stream": True}
    short = {"model": MODEL, "messages": FRANCE, **GREEDY}
    with http.stream("POST", "/v1/chat/completions", json=body | {"n": CPU_CONCURRENCY}) as full:
        lines = full.iter_lines()
        next(lines)
        assert metric(http, "granite_openai_slots_in_use") == CPU_CONCURRENCY
        refused = http.post("/v1/chat/completions", json=short)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert answer(cog, prompt="What is the capital of France?", **GREEDY)
    assert engine_is_idle(server)
    long = {"prompt": "Count.", "max_tokens": 4000, "min_tokens": 4000}
    running = [events(httpx.Client(base_url=server.url, timeout=DEADLINE), long) for _ in range(CPU_CONCURRENCY)]
    for stream in running:
        assert any(name == "output" for name, _, _ in stream)
    assert cog.post("/predictions", json={"input": {"prompt": "x"}}).status_code == 409
    assert metric(http, "granite_slots_in_use") == metric(http, "granite_slots") == CPU_CONCURRENCY
    assert "Paris" in http.post("/v1/chat/completions", json=short).json()["choices"][0]["message"]["content"]
    for stream in running:
        stream.close()
    assert engine_is_idle(server)


def test_metrics_are_vllms_and_ours(cog, http):
    """Predictions by outcome; the time to the first chunk; what the engine counts for both APIs."""
    outcomes = ("succeeded", "refused", "canceled", "failed")

    def counts():
        return {outcome: metric(http, f'granite_predictions_total{{outcome="{outcome}"}}') for outcome in outcomes}

    before, first = counts(), metric(http, "granite_time_to_first_chunk_seconds_count")
    tokens = f'vllm:generation_tokens_total{{engine="0",model_name="{MODEL}"}}'
    generated = metric(http, tokens)
    predicted(cog, prompt="Hi.", max_tokens=8, min_tokens=8)
    predicted(cog, prompt="")
    for name, _, _ in events(cog, {"prompt": "Count.", "max_tokens": 4000, "min_tokens": 4000}):
        if name == "output":
            break
    deadline = time.monotonic() + DEADLINE
    expected = before | {outcome: before[outcome] + 1 for outcome in ("succeeded", "refused", "canceled")}
    while (now := counts()) != expected:
        assert time.monotonic() < deadline, now
    assert metric(http, "granite_time_to_first_chunk_seconds_count") == first + 2
    assert metric(http, tokens) >= generated + 8
