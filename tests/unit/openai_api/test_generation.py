"""The answers of /v1/chat/completions and /v1/completions, whole and streamed."""

import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from granite.output.answer import Delta
from tests.fake_engine import FakeEngine
from tests.openai_app import Client, app_of, token


async def test_a_chat():
    engine = FakeEngine("Par", "is.")
    answer = (await Client(app_of(engine)).post("chat/completions")).json()
    assert ChatCompletion.model_validate(answer)
    assert answer["id"] == f"chatcmpl-{engine.generated[0].id}"
    message = {"role": "assistant", "content": "Paris."}
    assert answer["choices"] == [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}]
    assert answer["usage"]["completion_tokens"] == 2
    assert engine.prompts[0].endswith("<|start_of_role|>assistant<|end_of_role|>")


@pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_obfuscation": True}])
async def test_a_streamed_chat(options):
    """One chunk for each new text, the usage only if it is requested."""
    *chunks, done = await Client(app_of(FakeEngine("Par", "is."))).events("chat/completions", stream_options=options)
    assert all(ChatCompletionChunk.model_validate(chunk) for chunk in chunks)
    assert [(choice["delta"], choice["finish_reason"]) for chunk in chunks for choice in chunk["choices"]] == [
        ({"role": "assistant", "content": "Par"}, None),
        ({"content": "is."}, None),
        ({}, "stop"),
    ]
    usages = [chunk["usage"]["completion_tokens"] for chunk in chunks if not chunk["choices"]]
    assert (usages, done) == ([2] if (options or {}).get("include_usage") else [], "[DONE]")


async def test_several_answers_differ_by_their_seeds():
    """The prompt is tokenized once, and counts once."""
    engine = FakeEngine("a", "b")
    client = Client(app_of(engine))
    answer = (await client.post("chat/completions", n=3, seed=2**63 - 2)).json()
    assert [(choice["index"], choice["message"]["content"]) for choice in answer["choices"]] == [
        (index, "ab") for index in range(3)
    ]
    assert answer["usage"]["completion_tokens"] == 6
    assert (len(engine.prompts), len(engine.requests)) == (1, 1)
    assert sorted(each.params.seed for each in engine.generated) == [0, 2**63 - 2, 2**63 - 1]
    assert len({each.id for each in engine.generated}) == 3


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("One two", ["One two"]),
        (["One", "two"], ["One", "two"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        (["One", [3]], ["One", [3]]),
    ],
)
async def test_prompts_are_sent_as_they_are(prompt, sent):
    engine = FakeEngine("a", "b", finish="length")
    client = Client(app_of(engine))
    answer = (await client.post("completions", prompt=prompt, n=2)).json()
    assert Completion.model_validate(answer)
    assert engine.prompts == sent
    assert [choice["text"] for choice in answer["choices"]] == ["ab"] * 2 * len(sent)
    read, written = sum(len(each.split() if isinstance(each, str) else each) for each in sent), 4 * len(sent)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    assert answer["usage"] == usage
    *chunks, _ = await client.events("completions", prompt=prompt, n=2)
    texts, ends = dict.fromkeys(range(2 * len(sent)), ""), {}
    for choice in (chunk["choices"][0] for chunk in chunks):
        texts[choice["index"]] += choice["text"]
        ends[choice["index"]] = choice["finish_reason"]
    assert (set(texts.values()), set(ends.values()), len(ends)) == ({"ab"}, {"length"}, len(texts))


@pytest.mark.parametrize("prompt", ["2 3", [2, 3]])
@pytest.mark.parametrize(("max_tokens", "text", "new"), [(1, "2 3 4", [" 4"]), (0, "2 3", [])])
async def test_a_harness_scores_a_prompt(prompt, max_tokens, text, new):
    """With `echo` and `logprobs`. For max_tokens 0 the engine generates one token, which is dropped."""
    prompt_logprobs = (token("2", None), token(" 3", -0.25))
    engine = FakeEngine(Delta(" 4", 1, None, (token(" 4", -1.0),), prompt_logprobs), finish="length")
    body = {"prompt": prompt, "echo": True, "logprobs": 1, "max_tokens": max_tokens, "temperature": 0}
    body["skip_reading_prefix_cache"] = False  # not heeded: tokens from the cache would have no log probabilities
    client = Client(app_of(engine))
    answer = (await client.post("completions", **body)).json()
    choice = answer["choices"][0]
    assert (choice["text"], choice["finish_reason"], answer["usage"]["completion_tokens"]) == (text, "length", len(new))
    assert choice["logprobs"]["tokens"] == ["2", " 3", *new]
    assert choice["logprobs"]["token_logprobs"] == [None, -0.25, -1.0][: 2 + len(new)]
    assert choice["logprobs"]["top_logprobs"][:2] == [None, {" 3": -0.25}]
    sampling = engine.requests[0].sampling
    assert (sampling["logprobs"], sampling["prompt_logprobs"], sampling["max_tokens"]) == (1, 1, 1)
    assert sampling["skip_reading_prefix_cache"] is True
    first, *_ = await client.events("completions", **body)
    assert (first["choices"][0]["text"], first["choices"][0]["logprobs"]["tokens"]) == (text, ["2", " 3", *new])


async def test_echo_without_log_probabilities_requests_none_of_the_engine():
    engine = FakeEngine(" c")
    answer = (await Client(app_of(engine)).post("completions", prompt="a b", echo=True)).json()
    assert answer["choices"][0]["text"] == "a b c"
    assert "prompt_logprobs" not in engine.requests[0].sampling
