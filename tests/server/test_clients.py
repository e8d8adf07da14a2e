"""Other people's clients of OpenAI's API, unchanged: each receives what the Cog API answers."""

import json

import pytest

from granite.model import demo
from tests.client_programs import (
    DIRECTORY,
    LONG,
    MOBY_DICK,
    QUESTION,
    RAW,
    REQUEST,
    WEATHER,
    ask,
    python,
    received,
    run,
    turns,
)
from tests.conftest import KEY
from tests.predictions import answer
from tests.samples import BOOK, BOSTON, FRANCE, MODEL, TOOLS


@pytest.fixture
def client(http, tmp_path):
    """What the client in a program received."""
    return lambda program, **variables: received(program, tmp_path, f"{http.base_url}/v1", KEY, REQUEST, **variables)


@pytest.fixture(scope="module")
def text(cog):
    return ask(cog, FRANCE)


@pytest.fixture(scope="module")
def usage(cog):
    """The tokens of that answer."""
    return json.loads(answer(cog, messages=FRANCE, **LONG))["usage"]


@pytest.fixture(scope="module")
def call(cog):
    (call,) = ask(cog, BOSTON, tools=TOOLS, tool_choice=WEATHER)
    return call


@pytest.fixture(scope="module")
def book(cog):
    return json.loads(ask(cog, MOBY_DICK, response_format=BOOK))


def test_openais_client(cog, client, text, usage, call, book):
    got = client("openai_client.py")
    continued, tokens, logprobs = got.pop("completion")
    assert continued == RAW + answer(cog, prompt=RAW, **LONG)
    assert "".join(tokens) == f"{continued}<|end_of_text|>"
    assert (logprobs[0], len(logprobs), max(logprobs[1:]) <= 0) == (None, len(tokens), True)
    counts = [usage["prompt_tokens"], usage["completion_tokens"]]
    assert got == {
        "chat": [text, usage],
        "chat, streamed": [text, usage],
        "chat, tool": [call],
        "chat, parsed": book,
        "response": [text, *counts],
        "response, streamed": [text, *counts],
        "response, tool": call,
        "response, parsed": book,
    }


def test_openais_agents_sdk(cog, client):
    """The agent calls its tool, and answers from what that returned."""
    got = client("agents_sdk.py")
    tools = [got.pop("tool")]
    calls = ask(cog, BOSTON, tools=tools, tool_choice="required")
    final = ask(cog, [*BOSTON, *turns(calls)], tools=tools)
    assert got == {"chats": [calls, final], "responses": [calls, final]}


def test_langchains_chat_openai(cog, client, text, usage, call, book):
    calls = [["get_weather", json.loads(call["arguments"])]]
    assert client("langchain_chat.py") == {
        "invoke": [text, usage["prompt_tokens"], usage["completion_tokens"]],
        "stream": text,
        "responses": text,
        "tools": calls,
        "tools, streamed": calls,
        "tool's result": ask(cog, [*BOSTON, *turns([call])], tools=TOOLS),
        "json_schema": book,
        "function_calling": book,
    }


def test_litellm(client, text, call):
    answers = {"whole": text, "streamed": text, "tool": call}
    assert client("litellm_completion.py") == {"openai": answers, "hosted_vllm": answers}


def test_pydantic_ai(client, text, book):
    assert client("pydantic_agent.py") == {"text": text, "streamed": text, "schema": book, "tool": {"name": "Paris"}}


@pytest.mark.parametrize("options", [[], ["--no-stream"]])
def test_the_command_llm(cog, http, tmp_path, options):
    """With a system prompt, streamed and not."""
    models = [
        {"model_id": "granite", "model_name": MODEL, "api_base": f"{http.base_url}/v1", "api_key_name": "granite"}
    ]
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models))  # JSON is YAML, too
    command = [python(), "-m", "llm", "-m", "granite", "--key", KEY, "-s", "You are terse.", "-o", "temperature", "0"]
    expected = ask(cog, [{"role": "system", "content": "You are terse."}, *FRANCE])
    assert run([*command, *options, QUESTION], tmp_path, LLM_USER_PATH=str(tmp_path)) == f"{expected}\n"


def scored(http, context, continuation):
    """The log likelihood of a continuation, and whether it is the likeliest, from a request of our own."""
    body = {"model": MODEL, "prompt": context + continuation, "echo": True, "logprobs": 1, "max_tokens": 0}
    logprobs = http.post("/v1/completions", json=body).json()["choices"][0]["logprobs"]
    first = logprobs["text_offset"].index(len(context))
    tokens, alternatives = logprobs["token_logprobs"][first:], logprobs["top_logprobs"][first:]
    likeliest = all(token == max(top.values()) for token, top in zip(tokens, alternatives, strict=True))
    return [pytest.approx(sum(tokens), rel=1e-3), likeliest]


def test_the_evaluation_harness(cog, http, tmp_path):
    """The log likelihood of every choice, from token ids, and every generated answer."""
    request = {"model": MODEL, "weights": str(demo.directory())}
    got = received("harness.py", tmp_path, f"{http.base_url}/v1", KEY, request, OPENAI_API_KEY=KEY)
    rows = json.loads((DIRECTORY / "capitals.json").read_text(encoding="utf-8"))
    assert got == {
        "capitals": [
            [row, [scored(http, f"The capital of {row['country']} is", f" {city}") for city in row["cities"]]]
            for row in rows
        ],
        "capitals_chat": [
            [row, [ask(cog, [{"role": "user", "content": f"What is the capital of {row['country']}?"}])]]
            for row in rows
        ],
    }
