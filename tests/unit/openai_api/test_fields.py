"""The fields of a body on each route: which inputs they become, and which sentence refuses them."""

import pytest

from granite.request.control_tokens import CONTROL_TOKENS
from tests.fake_engine import FakeEngine
from tests.inputs import inputs, refusal
from tests.openai_app import HI, Client, app_of

FUNCTION = {"name": "weather", "description": None, "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
NAMED = {"type": "function", "function": {"name": "weather"}}


async def test_defaults_are_openais():
    """Not predict()'s. Without max_tokens the answer of a chat may fill the context."""
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    for route, fields, most in (
        ("chat/completions", {}, None),
        ("chat/completions", {"max_tokens": 5.0}, 5),
        ("chat/completions", {"max_tokens": None, "max_completion_tokens": 5}, 5),
        ("completions", {"max_tokens": None}, 16),
        ("completions", {"max_tokens": 0}, 0),
        ("responses", {"max_output_tokens": 7}, 7),
    ):
        await client.post(route, **fields)
        sampling = engine.requests[-1].sampling
        assert [sampling[name] for name in ("temperature", "top_p", "top_k")] == [1, 1, 0]
        assert sampling.get("max_tokens") == most


async def test_fields_are_inputs_of_the_same_name():
    engine = FakeEngine("x")
    fields = {
        "temperature": 0.5, "top_p": 0.5, "top_k": 5, "min_p": 0.1, "min_tokens": 1, "seed": 7, "stop": ["x"],
        "presence_penalty": 1, "frequency_penalty": 1, "repetition_penalty": 2, "max_tokens": 9,
        "documents": [{"text": "A text."}], "citations": True, "length": "short",
    }  # fmt: skip
    more = {"ignore_eos": True, "structured_outputs": {"regex": "a+"}}
    own = {"stop": "x", "logprobs": True, "top_logprobs": 2}
    assert (await Client(app_of(engine)).post("chat/completions", **fields | more | own)).status_code == 200
    assert engine.requests[0].inputs == inputs(messages=HI, **fields, sampling_params=more, logprobs=2)


async def test_a_suffix_makes_fill_in_the_middle():
    engine = FakeEngine("x")
    await Client(app_of(engine)).post("completions", prompt=["a", "b"], suffix="c")
    assert engine.prompts == [f"<fim_prefix>{text}<fim_suffix>c<fim_middle>" for text in "ab"]


async def test_what_clients_send_by_default_changes_nothing():
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    sent = {
        "tools": [], "tool_choice": "auto", "logit_bias": {}, "stop": None, "documents": None, "n": None,
        "user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "parallel_tool_calls": False,
        "reasoning_effort": "none", "functions": [], "echo": False, "skip_special_tokens": True, "separate_reasoning": True, "stream_options": [],
        "safety_identifier": "s", "prompt_cache_key": "k", "best_of": 1, "use_beam_search": False,
        "logprobs": False, "top_logprobs": 0,
    }  # fmt: skip
    assert (await client.post("chat/completions", **sent, seed=1)).status_code == 200
    await client.post("chat/completions", seed=1)
    assert engine.requests[0] == engine.requests[1]


@pytest.mark.parametrize(("choice", "status"), [(NAMED, 200), ("none", 200), ("auto", 400), ("required", 400)])
async def test_parallel_calls_can_be_ruled_out_where_there_are_none(choice, status):
    """LangChain does so with the one function that stands for a schema."""
    body = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False}
    assert (await Client(app_of(FakeEngine("x"))).post("chat/completions", **body)).status_code == status


async def test_items_of_a_response_become_messages():
    """Texts under other names, calls of one turn together; an earlier answer's thoughts are dropped."""
    engine = FakeEngine("x")
    calls = [{"type": "function_call", "call_id": each, "name": "f", "arguments": "{}"} for each in "12"]
    body = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather?"},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
            *calls,
            {"type": "function_call_output", "call_id": "1", "output": "Rain."},
            {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "Noon."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]},
        ],
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "medium"},
        "tools": [{"type": "function", **FUNCTION}], "tool_choice": "none", "store": True, "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
    }  # fmt: skip
    assert (await Client(app_of(engine)).post("responses", **body)).status_code == 200
    called = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in "12"]
    got = engine.requests[0].inputs
    assert got.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": called},
        {"role": "tool", "tool_call_id": "1", "content": "Rain."},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "Noon."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It rains."}]},
    ]
    assert (got.tools, got.tool_choice) == ([TOOL], "none")
    assert got.response_format == {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


CHAT, COMPLETION, RESPONSE = "chat/completions", "completions", "responses"
UNSUPPORTED = "is not supported on this route;"
PROMPT = "`prompt` must be a text, a list of token ids, or a list of these, got"
ITEM = "`input[0]` must be a message, a function call or its output, got"
TOKEN = CONTROL_TOKENS[0]


@pytest.mark.parametrize(
    ("route", "body", "sentence"),
    [
        (CHAT, {"messages": []}, "`messages` is empty; add a message with role user."),
        (CHAT, {"temprature": 0}, f"`temprature` {UNSUPPORTED} did you mean `temperature`?"),
        (CHAT, {"max_output_tokens": 1}, f"`max_output_tokens` {UNSUPPORTED} did you mean `max_tokens`?"),
        (CHAT, {"adapter": "x"}, f"`adapter` {UNSUPPORTED} did you mean `model`?"),
        (CHAT, {"functions": [{}]}, f"`functions` {UNSUPPORTED} did you mean `tools`?"),
        (CHAT, {"reasoning_effort": "high"}, f"`reasoning_effort` {UNSUPPORTED} remove it."),
        (CHAT, {"x" * 50: 1}, f"a text of 50 characters {UNSUPPORTED} remove it."),
        (CHAT, {"n": 0}, "n must be at least 1, got 0."),
        (CHAT, {"n": "two"}, "n must be a whole number, got two."),
        (CHAT, {"stream": "yes"}, "`stream` must be true or false, got yes."),
        (CHAT, {"stream_options": "x"}, "`stream_options` must be an object, got x."),
        (CHAT, {"stream_options": {"x": True}}, "`stream_options` has an unknown field `x`; remove it."),
        (CHAT, {"top_logprobs": 5}, "`top_logprobs` requires `logprobs` to be true."),
        (CHAT, {"logprobs": True, "top_logprobs": 21}, "top_logprobs must be at most 20, got 21."),
        (CHAT, {"max_tokens": 1, "max_completion_tokens": 2}, "Give either max_tokens or max_completion_tokens, not both."),
        (CHAT, {"top_p": 0}, refusal(messages=HI, top_p=0)),
        (CHAT, {"temperature": "hot"}, refusal(messages=HI, temperature="hot")),
        (CHAT, {"messages": [{"role": "narrator"}]}, refusal(messages=[{"role": "narrator"}])),
        (COMPLETION, {"prompt": None}, f"{PROMPT} null."),
        (COMPLETION, {"prompt": ["x", None]}, f"{PROMPT} null."),
        (COMPLETION, {"prompt": [1, "x"]}, f"{PROMPT} 1."),
        (COMPLETION, {"prompt": ""}, refusal(verbatim="")),
        (COMPLETION, {"prompt": []}, refusal(verbatim=[])),
        (COMPLETION, {"prompt": [-1]}, refusal(verbatim=[-1])),
        (COMPLETION, {"prompt": ["x", TOKEN]}, refusal(verbatim=TOKEN)),
        (COMPLETION, {"prompt": [1], "suffix": "x"}, refusal(verbatim=[1], suffix="x")),
        (COMPLETION, {"prompt": "word " * 5000}, "The prompt has 5000 tokens; shorten it."),
        (COMPLETION, {"suffix": "x", "echo": True}, "`echo` cannot be combined with `suffix`; remove one of them."),
        (COMPLETION, {"best_of": 2}, f"`best_of` {UNSUPPORTED} remove it."),
        (COMPLETION, {"logprobs": 21}, "logprobs must be from 0 to 20, got 21."),
        (COMPLETION, {"logprobs": True}, "logprobs must be a whole number, got true."),
        (COMPLETION, {"citations": True}, f"`citations` {UNSUPPORTED} remove it."),
        (RESPONSE, {"input": None}, "`input` is missing; give a text or a list of items."),
        (RESPONSE, {"input": ["x"]}, f"{ITEM} x."),
        (RESPONSE, {"input": [{"type": "web_search_call"}]}, f"{ITEM} `web_search_call`."),
        (RESPONSE, {"input": TOKEN}, refusal(messages=[{"role": "user", "content": TOKEN}])),
        (RESPONSE, {"tools": [{"type": "web_search"}]}, refusal(messages=HI, tools=[{"type": "web_search"}])),
        (RESPONSE, {"reasoning": {"effort": "high"}}, f"`reasoning` {UNSUPPORTED} remove it."),
        (RESPONSE, {"truncation": "auto"}, f"`truncation` {UNSUPPORTED} remove it."),
        (RESPONSE, {"max_tokens": 8}, f"`max_tokens` {UNSUPPORTED} did you mean `max_output_tokens`?"),
        (RESPONSE, {"n": 2}, f"`n` {UNSUPPORTED} remove it."),
        (RESPONSE, {"top_logprobs": 5}, f"`top_logprobs` {UNSUPPORTED} remove it."),
        (RESPONSE, {"text": "x"}, "`text` must be an object, got x."),
        (RESPONSE, {"text": {"verbosity": "low"}}, "`text.verbosity` must be medium, got low."),
    ],
)  # fmt: skip
async def test_a_mistake_is_one_sentence(route, body, sentence):
    """The same as at the Cog API where that has the field."""
    assert await Client(app_of(FakeEngine("x"))).error(route, **body) == (400, sentence)
