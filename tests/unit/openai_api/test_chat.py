"""/v1/chat/completions: the fields of a body, and the answer whole and streamed."""

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from granite.output.answer import Delta
from tests import inputs
from tests.fake_engine import FakeEngine
from tests.openai_app import CALLS, HI, THOUGHTS, Client, app_of, token

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


async def test_a_whole_answer():
    engine = FakeEngine("Par", "is.")
    answer = (await Client(app_of(engine)).post("chat/completions")).json()
    assert ChatCompletion.model_validate(answer)
    assert answer["id"] == f"chatcmpl-{engine.generated[0].id}"
    message = {"role": "assistant", "content": "Paris."}
    assert answer["choices"] == [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}]
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + 2
    assert engine.prompts[0].endswith("<|start_of_role|>assistant<|end_of_role|>")


@pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_obfuscation": True}])
async def test_a_streamed_answer(options):
    """One chunk for each new text, the usage only if it is asked for."""
    *chunks, done = await Client(app_of(FakeEngine("Par", "is."))).events("chat/completions", stream_options=options)
    assert all(ChatCompletionChunk.model_validate(chunk) for chunk in chunks)
    assert [choice["delta"] for chunk in chunks for choice in chunk["choices"]] == [
        {"role": "assistant", "content": "Par"},
        {"content": "is."},
        {},
    ]
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]] == [None, None, "stop"]
    usages = [chunk["usage"]["completion_tokens"] for chunk in chunks if not chunk["choices"]]
    assert (usages, done) == ([2] if (options or {}).get("include_usage") else [], "[DONE]")


async def test_several_answers_differ_by_their_seeds():
    """The prompt is tokenized once, and counts once."""
    engine = FakeEngine("a", "b")
    client = Client(app_of(engine))
    answer = (await client.post("chat/completions", n=3, seed=2**63 - 2)).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in answer["choices"]} == {"ab"}
    assert answer["usage"]["completion_tokens"] == 6
    assert (len(engine.prompts), len(engine.requests)) == (1, 1)
    assert sorted(each.params.seed for each in engine.generated) == [0, 2**63 - 2, 2**63 - 1]
    assert len({each.id for each in engine.generated}) == 3
    *chunks, _ = await client.events("chat/completions", n=2)
    texts = ["", ""]
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == ["ab", "ab"]


async def test_tools_are_called():
    """With parallel_tool_calls false, at most one."""
    tools = {"tools": [WEATHER], "tool_choice": "required"}
    for several, count in ((None, 2), (True, 2), (False, 1)):
        client = Client(app_of(FakeEngine(*CALLS)))
        whole = (await client.post("chat/completions", **tools, parallel_tool_calls=several)).json()["choices"][0]
        assert (len(whole["message"]["tool_calls"]), whole["finish_reason"]) == (count, "tool_calls")
        function = whole["message"]["tool_calls"][0]["function"]
        assert (function["name"], function["arguments"]) == ("weather", '{"city": "Paris"}')
        *chunks, _ = await client.events("chat/completions", **tools, parallel_tool_calls=several)
        calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
        assert {call["index"] for call in calls} == set(range(count))
        arguments = "".join(call["function"]["arguments"] for call in calls if call["index"] == 0)
        assert arguments == '{"city": "Paris"}'


async def test_thoughts_are_separate():
    client = Client(app_of(FakeEngine(*THOUGHTS)))
    message = (await client.post("chat/completions", thinking=True)).json()["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Paris.")
    *chunks, _ = await client.events("chat/completions", chat_template_kwargs={"thinking": True})
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("reasoning", "") for delta in deltas) == "Hm."
    assert "".join(delta.get("content", "") for delta in deltas) == "Paris."


async def test_log_probabilities():
    engine = FakeEngine(Delta("Pa", 1, None, (token("Pa"),)), Delta("ris", 1, None, (token("ris"),)))
    client = Client(app_of(engine))
    choice = (await client.post("chat/completions", logprobs=True, top_logprobs=1)).json()["choices"][0]
    assert choice["logprobs"] == {"content": [token("Pa"), token("ris")]}
    await client.post("chat/completions", logprobs=True)
    await client.post("chat/completions", logprobs=False, top_logprobs=0)
    assert [request.sampling.get("logprobs") for request in engine.requests] == [1, 0, None]


async def test_defaults_are_openais():
    """Not predict()'s. Without max_tokens the answer may fill the context."""
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    await client.post("chat/completions")
    sampling = engine.requests[0].sampling
    assert {name: sampling[name] for name in ("temperature", "top_p", "top_k")} == {
        "temperature": 1,
        "top_p": 1,
        "top_k": 0,
    }
    assert engine.generated[0].params.max_tokens > 4000
    for fields in ({"max_tokens": 5.0}, {"max_completion_tokens": 5}, {"max_tokens": None, "max_completion_tokens": 5}):
        await client.post("chat/completions", **fields)
        assert engine.generated[-1].params.max_tokens == 5


async def test_sampling_fields_and_controls_are_inputs_of_the_same_name():
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    fields = {
        "temperature": 0.5, "top_p": 0.5, "top_k": 5, "min_p": 0.1, "min_tokens": 1, "seed": 7, "stop": ["x"],
        "presence_penalty": 1, "frequency_penalty": 1, "repetition_penalty": 2, "max_tokens": 9,
        "documents": [{"text": "A text."}], "citations": True, "length": "short",
    }  # fmt: skip
    more = {"ignore_eos": True, "structured_outputs": {"regex": "a+"}}
    assert (await client.post("chat/completions", **fields, **more)).status_code == 200
    assert engine.requests[0].inputs == inputs.inputs(messages=HI, **fields, sampling_params=more)
    await client.post("chat/completions", stop="x")
    assert engine.requests[1].sampling["stop"] == ["x"]


async def test_what_clients_send_by_default_changes_nothing():
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    sent = {
        "tools": [], "tool_choice": "auto", "logit_bias": {}, "stop": None, "documents": None, "n": None,
        "user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "parallel_tool_calls": True,
        "reasoning_effort": "none", "modalities": ["text"], "functions": [], "echo": False, "skip_special_tokens": True,
        "safety_identifier": "s", "prompt_cache_key": "k", "best_of": None, "use_beam_search": False,
    }  # fmt: skip
    assert (await client.post("chat/completions", **sent, seed=1)).status_code == 200
    await client.post("chat/completions", seed=1)
    assert engine.requests[0] == engine.requests[1]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"messages": []}, "`messages` is empty; add a message with role user."),
        ({"temprature": 1}, "`temprature` is not supported on this route; did you mean `temperature`?"),
        ({"max_output_tokens": 1}, "`max_output_tokens` is not supported on this route; did you mean `max_tokens`?"),
        ({"adapter": "x"}, "`adapter` is not supported on this route; did you mean `model`?"),
        ({"prompt": "x"}, "`prompt` is not supported on this route; remove it."),
        ({"functions": [{}]}, "`functions` is not supported on this route; did you mean `tools`?"),
        ({"function_call": "auto"}, "`function_call` is not supported on this route; did you mean `tool_choice`?"),
        ({"sampling_params": {"top_k": 1}}, "`sampling_params` is not supported on this route; remove it."),
        ({"use_beam_search": True}, "`use_beam_search` is not supported on this route; remove it."),
        ({"echo": True}, "`echo` is not supported on this route; remove it."),
        ({"continue_final_message": True}, "`continue_final_message` is not supported on this route; remove it."),
        ({"reasoning_effort": "high"}, "`reasoning_effort` is not supported on this route; remove it."),
        ({"skip_special_tokens": False}, "`skip_special_tokens` is not supported on this route; remove it."),
        ({"x" * 50: 1}, "a text of 50 characters is not supported on this route; remove it."),
        ({"n": 0}, "n must be at least 1, got 0."),
        ({"n": "two"}, "n must be at least 1, got two."),
        ({"stream": "yes"}, "`stream` must be true or false, got yes."),
        ({"stream_options": []}, None),
        ({"stream_options": "x"}, "`stream_options` must be an object, got x."),
        ({"stream_options": {"continuous_usage_stats": True}}, "`stream_options` has an unknown field `continuous_usage_stats`; remove it."),
        ({"logprobs": 5}, "`logprobs` must be true or false, got 5."),
        ({"top_logprobs": 5}, "`top_logprobs` requires `logprobs` to be true."),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs must be from 0 to 20, got 21."),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "Give either max_tokens or max_completion_tokens, not both."),
        ({"top_p": 0}, inputs.refusal(messages=HI, top_p=0)),
        ({"temperature": "hot"}, inputs.refusal(messages=HI, temperature="hot")),
        ({"citations": True}, inputs.refusal(messages=HI, citations=True)),
        ({"messages": "Hi."}, inputs.refusal(messages="Hi.")),
        ({"messages": [{"role": "narrator"}]}, inputs.refusal(messages=[{"role": "narrator"}])),
        ({"tools": [{}]}, inputs.refusal(messages=HI, tools=[{}])),
        ({"tool_choice": "auto"}, None),
    ],
)  # fmt: skip
async def test_a_mistake_is_one_sentence(body, sentence):
    """The same as at the Cog API where that has the field."""
    response = await Client(app_of(FakeEngine("x"))).post("chat/completions", **body)
    if sentence is None:
        assert response.status_code == 200
    else:
        error = {"message": sentence, "type": "BadRequestError", "param": None, "code": 400}
        assert (response.status_code, response.json()) == (400, {"error": error})
