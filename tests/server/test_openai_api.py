"""The second door: the OpenAI API beside Cog's, on one engine."""

import concurrent.futures
import json
import re
import time
from pathlib import Path

import httpx
import jsonschema
import openai
import psutil
import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from tests.test_predict import DEADLINE, engine_rests, events, predicted
from tests.test_requests import BOOK, NAMED, SCHEMAS, WEATHER

from granite.cli.server import CPU_CONCURRENCY
from granite.openai_api.gate import OFFERED
from tests.conftest import KEY

MODEL = "granite-demo"
FRANCE = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "max_tokens": 24}
FILES = {file.stem: json.loads(file.read_text()) for file in sorted(Path("tests/requests").glob("*.json"))}
COGS_OWN = {"logprobs", "sampling_params", "adapter", "stream"}
"""Inputs that the OpenAI API has in another form."""
CHATS = {name: asked for name, asked in FILES.items() if "messages" in asked and not COGS_OWN & asked.keys()}
SCHEMA = BOOK["json_schema"]["schema"]


@pytest.fixture(scope="module")
def cog(server):
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="module")
def http(server, openai_port):
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{openai_port}", timeout=DEADLINE, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def client(http):
    """OpenAI's own, which does not try again by itself."""
    return openai.OpenAI(base_url=f"{http.base_url}/v1", api_key=KEY, max_retries=0, timeout=DEADLINE)


def plain(message):
    """A message without what one of the doors leaves out, the calls' random ids, and the role.

    vLLM names the last turn's role where add_generation_prompt is false.
    """
    calls = [{**call, "id": "ID"} for call in message.get("tool_calls") or []]
    told = {key: value for key, value in message.items() if value is not None and key not in ("role", "tool_calls")}
    return told | ({"tool_calls": calls} if calls else {})


def streamed(client, **asked):
    """The message that a stream's chunks make up."""
    message = {}
    for chunk in client.chat.completions.create(model=MODEL, stream=True, **asked):
        delta = chunk.choices[0].delta.model_dump(exclude_unset=True)
        for call in delta.pop("tool_calls", None) or []:
            known = message.setdefault("tool_calls", [])
            if call["index"] == len(known):
                known.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
            for key, text in call["function"].items():
                known[call["index"]]["function"][key] += text or ""
        for key, value in delta.items():
            message[key] = message.get(key, "") + value if isinstance(value, str) else value
    return plain(message)


REQUESTS = {
    **CHATS,
    "named": FILES["tool_choice"] | {"tool_choice": NAMED},
    "tools that must not be called": FILES["tool_choice"] | {"tool_choice": "none"},
    "a schema": {"messages": FRANCE, "response_format": BOOK},
    "a schema after thoughts": {"messages": FRANCE, "response_format": BOOK, "thinking": True},
    "text parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "granite?"}]}]},
    "the card's switches": {"messages": FRANCE, "chat_template_kwargs": {"controls": {"length": "short"}}},
    "a stop text": {"messages": FRANCE, "stop": ["Paris"]},
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_both_doors_give_the_same_answer(cog, client, name):
    """To the same request at the same time, whole and streamed: message, tokens read and written, why it ended."""
    asked = {"max_tokens": 96} | REQUESTS[name] | {"temperature": 0}
    known = {"messages", "tools", "tool_choice", "response_format", "max_tokens", "temperature", "stop"}
    door = {key: value for key, value in asked.items() if key in known}
    door["extra_body"] = {key: value for key, value in asked.items() if key not in known}
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        prediction = threads.submit(predicted, cog, **asked)
        whole = threads.submit(client.chat.completions.create, model=MODEL, **door)
        stream = threads.submit(streamed, client, **door)
    assert prediction.result()["status"] == "succeeded", prediction.result()["error"]
    expected = json.loads(prediction.result()["output"][0])
    answer = json.loads(whole.result().model_dump_json(exclude_unset=True))
    message = plain(expected["choices"][0]["message"])
    assert plain(answer["choices"][0]["message"]) == message
    assert {"content": "", **stream.result()} == {"content": "", **message}
    assert answer["usage"]["prompt_tokens"] == expected["usage"]["prompt_tokens"]
    assert answer["usage"]["completion_tokens"] == expected["usage"]["completion_tokens"]
    if name != "named":  # OpenAI's server says "stop" there, ours at Cog's door "tool_calls"
        assert answer["choices"][0]["finish_reason"] == expected["choices"][0]["finish_reason"]


CONTROL = "<|start_of_role|>"
BAD = {
    "a message": {"messages": [{"role": "user", "content": f"x{CONTROL}"}]},
    "a system message": {"messages": [{"role": "system", "content": CONTROL}, *FRANCE]},
    "a token in two parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "<|start_of_"}, {"type": "text", "text": "role|>"}]}]},
    "a document": {"messages": FRANCE, "documents": [{"text": f"x {CONTROL}"}]},
    "a tool": {"messages": FRANCE, "tools": [{"type": "function", "function": {"name": "f", "description": CONTROL}}]},
    "an earlier call": {"messages": [*FRANCE, {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": CONTROL})}}]}]},
    "too long": {"messages": [{"role": "user", "content": "word " * 9000}]},
    "too much asked": {"messages": FRANCE, "max_tokens": 8190},
    "thinking with documents": {"messages": FRANCE, "thinking": True, "documents": [{"text": "x"}]},
    "citations without documents": {"messages": FRANCE, "citations": True},
    "a schema with what is passed over": {"messages": FRANCE, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array", "uniqueItems": True}}}},
    "a broken template": {"messages": FRANCE, "chat_template": "{{ 1 / 0 }}"},
    "a wrong switch": {"messages": FRANCE, "chat_template_kwargs": {"controls": {"length": "medium"}}},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_both_doors_refuse_alike(cog, http, name):
    """In the same words; at the second door as a 400 in OpenAI's form."""
    asked = {"max_tokens": 8} | BAD[name]
    sentence = re.sub(r"^.*?: \w+: ", "", predicted(cog, **asked)["error"].removeprefix("Prediction failed: "))
    response = http.post("/v1/chat/completions", json={"model": MODEL, **asked})
    assert (response.status_code, response.json()["error"]["message"]) == (400, sentence)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"messages": []}, "messages is empty: give the turn of a user."),
        ({"n": 33}, "The request asks for 33 answers, but the server generates at most 32 at once: lower n, or send fewer prompts."),
        ({"echo": True}, "echo is not one that this route takes: leave it out."),
        ({"n": 0}, "n must be at least 1, got 0."),
        ({"use_beam_search": True}, "use_beam_search is not one that this route takes: leave it out."),
        ({"functions": [{"name": "f"}]}, "functions is not one that this route takes: leave it out."),
        ({"citations": True, "documents": [{"text": "x"}], "chat_template_kwargs": {"controls": "x"}}, 'chat_template_kwargs.controls must be an object such as {"length": "short"}, got x.'),
        ({"messages": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]}, 'messages[0].content[0] must be {"type": "text", "text": …}: Granite reads text.'),
        ({"top_k": 10**30}, "top_k holds a number that is not within 64 bits."),
        ({"adapter": "x"}, "adapter is not one that this route takes: leave it out."),
        ({"response_format": BOOK, "structured_outputs": {"regex": "a"}}, "structured_outputs must be left out where another field guides the answer."),
    ],
)  # fmt: skip
def test_what_only_the_second_door_can_be_asked_is_refused_in_a_sentence(http, body, sentence):
    """Nothing is ignored."""
    response = http.post("/v1/chat/completions", json={"model": MODEL, "messages": FRANCE, **body})
    assert (response.status_code, response.json()["error"]["message"]) == (400, sentence)


def test_an_unknown_model_is_named_with_the_known_one(http):
    """As vLLM says it."""
    response = http.post("/v1/chat/completions", json={"model": "gpt-4", "messages": FRANCE})
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "The model `gpt-4` does not exist. Valid aliases: granite-demo."


def test_the_model_is_listed_without_the_servers_directories(client):
    """Its root is its name."""
    (model,) = client.models.list().data
    assert (model.id, model.root, model.max_model_len) == (MODEL, MODEL, 8192)


RAW = "<|start_of_role|>user<|end_of_role|>What is the capital of France?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"


def test_completions_go_past_the_template(cog, client):
    """Text as it is, a formatted prompt, and the hole of a text; each as Cog's door answers it."""
    raw = client.completions.create(model=MODEL, prompt=RAW, **GREEDY).choices[0].text
    assert raw == "".join(predicted(cog, prompt=RAW, **GREEDY)["output"])
    hole = {"prompt": "def add(a, b):", "suffix": "\n\nprint(add(1, 2))\n"}
    assert client.completions.create(model=MODEL, **hole, **GREEDY).choices[0].text == "".join(
        predicted(cog, **hole, **GREEDY)["output"]
    )
    two = client.completions.create(model=MODEL, prompt=["The capital of France is", RAW], **GREEDY).choices
    assert two[0].text.startswith(" Paris")
    assert two[1].text == raw
    stream = client.completions.create(model=MODEL, prompt=RAW, stream=True, **GREEDY)
    assert "".join(chunk.choices[0].text for chunk in stream) == raw


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"prompt": "x <|tool_call|>"}, "prompt must not hold the control token <|tool_call|>: Granite would obey it."),
        ({"prompt": ["x", "<|end_of_text|>"]}, "prompt must not hold the control token <|end_of_text|>: Granite would obey it."),
        ({"prompt": "x", "suffix": "<|end_of_role|>"}, "suffix must not hold the control token <|end_of_role|>: Granite would obey it."),
        ({"prompt": "x", "kv_transfer_params": {"a": 1}}, "kv_transfer_params is not one that this route takes: leave it out."),
        ({"prompt": "x", "n": -1000}, "n must be at least 1, got -1000."),
        ({"prompt": ["x"] * 33}, "The request asks for 33 answers, but the server generates at most 32 at once: lower n, or send fewer prompts."),
    ],
)  # fmt: skip
def test_completions_refuse_control_tokens_and_too_much(http, body, sentence):
    """Only a prompt that begins with <|start_of_role|> is formatted already."""
    response = http.post("/v1/completions", json={"model": MODEL, **body})
    assert (response.status_code, response.json()["error"]["message"]) == (400, sentence)


def test_responses_answer_as_chats_do(client):
    """Text, calls, structured text and what was said before."""
    greedy = {"temperature": 0, "max_output_tokens": 96}
    chat = client.chat.completions.create(model=MODEL, messages=FRANCE, temperature=0, max_tokens=96)
    said = chat.choices[0].message.content
    assert client.responses.create(model=MODEL, input="What is the capital of France?", **greedy).output_text == said
    stream = client.responses.create(model=MODEL, input="What is the capital of France?", stream=True, **greedy)
    assert "".join(event.delta for event in stream if event.type == "response.output_text.delta") == said
    tools = [{"type": "function", **tool["function"]} for tool in WEATHER]
    called = client.responses.create(
        model=MODEL, input="What is the weather in Boston?", tools=tools, tool_choice="required", **greedy
    ).output[0]
    chat = client.chat.completions.create(
        model=MODEL, messages=FILES["tool_choice"]["messages"], tools=WEATHER, tool_choice="required", temperature=0, max_tokens=96
    )  # fmt: skip
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
    answered = client.responses.create(model=MODEL, input=history, **greedy)
    assert answered.output_text == again.choices[0].message.content
    assert answered.usage.input_tokens == again.usage.prompt_tokens
    with pytest.raises(openai.BadRequestError, match=r"messages\[0\]\.content must not hold the control token"):
        client.responses.create(model=MODEL, input="<|end_of_text|>")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"tools": [{"type": "web_search"}]}, 'tools[0] must be {"type": "function", "function": {"name": …}}.'),
        ({"reasoning": {"effort": "high"}}, "reasoning is not one that this route takes: leave it out."),
        ({"max_tokens": 8}, "max_tokens is not one that this route takes: leave it out."),
        ({"citations": True}, "citations needs documents."),
    ],
)
def test_what_responses_do_not_take_is_refused(http, body, sentence):
    """Nothing is ignored."""
    response = http.post("/v1/responses", json={"model": MODEL, "input": "x", **body})
    assert (response.status_code, response.json()["error"]["message"]) == (400, sentence)


def test_no_route_but_health_answers_without_the_key(http):
    """Nor with a wrong one: every route that vLLM's own application has."""
    source = Path(psutil.__file__).parent.parent / "vllm"
    declared = "|".join(file.read_text() for file in (source / "entrypoints").rglob("*.py"))
    routes = sorted(set(re.findall(r"""router\.(?:get|post|put|delete|websocket)\(\s*"(/[^"{]*)""", declared)))
    assert {"/invocations", "/tokenize", "/scale_elastic_ep", "/version", "/v1/messages"} <= set(routes)
    for route in [*routes, *OFFERED, "/metrics/", "/docs", "/openapi.json", "//v1/models"]:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            for method in ("GET", "POST"):
                bare = httpx.Request(method, f"{http.base_url}{route}", headers=headers, json={})
                status = httpx.Client().send(bare).status_code
                assert status == 401 or (route == "/health" and status in (200, 405)), (method, route)
        if route not in OFFERED:
            assert http.request("POST", route, json={}).status_code == 404


def test_one_engine_serves_both_doors(server):
    """One EngineCore process, one copy of the weights."""
    names = [process.name() for process in psutil.Process(server.pid).children(recursive=True)]
    assert len([name for name in names if name.startswith("VLLM::EngineCore")]) == 1


def test_a_dropped_connection_stops_the_engine(http, server):
    """Streamed or not."""
    body = {"model": MODEL, "messages": FRANCE, "max_tokens": 8000, "min_tokens": 8000}
    with http.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as response:
        next(response.iter_lines())
    assert engine_rests(server)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{http.base_url}/v1/chat/completions", json=body, headers=http.headers, timeout=3)
    assert engine_rests(server)


def metric(http, name):
    """The value of one line."""
    lines = http.get("/metrics").text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


def test_neither_door_can_starve_the_other(cog, http, server):
    """All places of one are taken: it refuses at once, the other answers."""
    body = {"model": MODEL, "messages": FRANCE, "max_tokens": 4000, "min_tokens": 4000, "stream": True}
    short = {"model": MODEL, "messages": FRANCE, **GREEDY}
    with http.stream("POST", "/v1/chat/completions", json=body | {"n": CPU_CONCURRENCY}) as full:
        lines = full.iter_lines()
        next(lines)
        assert metric(http, "granite_openai_places_in_use") == CPU_CONCURRENCY
        refused = http.post("/v1/chat/completions", json=short)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["error"]["message"] == (
            "The server is at capacity: send the request again, after the time that Retry-After gives."
        )
        assert predicted(cog, prompt="What is the capital of France?", **GREEDY)["status"] == "succeeded"
    assert engine_rests(server)
    running = [events(cog_of(server), {"prompt": "Count.", "max_tokens": 4000, "min_tokens": 4000}) for _ in range(CPU_CONCURRENCY)]  # fmt: skip
    for stream in running:
        assert any(name == "output" for name, _, _ in stream)
    assert cog.post("/predictions", json={"input": {"prompt": "x"}}).status_code == 409
    assert metric(http, "granite_slots_in_use") == metric(http, "granite_slots") == CPU_CONCURRENCY
    assert "Paris" in http.post("/v1/chat/completions", json=short).json()["choices"][0]["message"]["content"]
    for stream in running:
        stream.close()
    assert engine_rests(server)


def cog_of(server):
    """A client of its own: closing its stream drops the connection."""
    return httpx.Client(base_url=server.url, timeout=DEADLINE)


def test_metrics_are_vllms_and_ours(cog, http):
    """Predictions by outcome; the wait for the first chunk; what the engine counts for both doors."""
    outcomes = ("succeeded", "refused", "canceled", "failed")

    def counted():
        return {outcome: metric(http, f'granite_predictions_total{{outcome="{outcome}"}}') for outcome in outcomes}

    before, first = counted(), metric(http, "granite_time_to_first_chunk_seconds_count")
    generated = metric(http, f'vllm:generation_tokens_total{{engine="0",model_name="{MODEL}"}}')
    predicted(cog, prompt="Hi.", max_tokens=8, min_tokens=8)
    predicted(cog, prompt="")
    for name, _, _ in events(cog, {"prompt": "Count.", "max_tokens": 4000, "min_tokens": 4000}):
        if name == "output":
            break
    deadline = time.monotonic() + DEADLINE
    expected = before | {outcome: before[outcome] + 1 for outcome in ("succeeded", "refused", "canceled")}
    while (now := counted()) != expected:
        assert time.monotonic() < deadline, now
    assert metric(http, "granite_time_to_first_chunk_seconds_count") == first + 2
    assert metric(http, f'vllm:generation_tokens_total{{engine="0",model_name="{MODEL}"}}') >= generated + 8


@pytest.fixture(scope="module")
def langchain(http):
    return ChatOpenAI(
        base_url=f"{http.base_url}/v1", api_key=KEY, model=MODEL, temperature=0, max_completion_tokens=96, max_retries=0
    )


def test_langchain_invokes_and_streams(langchain):
    """The same text both ways."""
    said = langchain.invoke("What is the capital of France?")
    assert "Paris" in said.content
    assert said.usage_metadata["output_tokens"] > 0
    assert "".join(chunk.content for chunk in langchain.stream("What is the capital of France?")) == said.content


def test_langchain_calls_tools(langchain):
    """A forced one's arguments fit its schema, and its result can be sent back."""
    bound = langchain.bind_tools(WEATHER, tool_choice="get_weather")
    said = bound.invoke("What is the weather in Boston?")
    (call,) = said.tool_calls
    assert call["name"] == "get_weather"
    jsonschema.validate(call["args"], SCHEMAS["get_weather"])
    result = {"role": "tool", "content": '{"temperature": 21}', "tool_call_id": call["id"]}
    follow = langchain.bind_tools(WEATHER, tool_choice="none").invoke(
        [("user", "What is the weather in Boston?"), said, result]
    )
    assert follow.content


class Book(BaseModel):
    """A book."""

    title: str
    year: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_langchain_structures_output(langchain, method):
    """By a schema, and by a function that must be called."""
    book = langchain.with_structured_output(Book, method=method).invoke("Describe the book Moby Dick.")
    assert isinstance(book, Book)
