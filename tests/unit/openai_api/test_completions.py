"""/v1/completions: prompts that skip the chat template, and what evaluation harnesses read."""

import pytest
from openai.types import Completion

from granite.output.answer import Delta
from tests import inputs
from tests.fake_engine import FakeEngine
from tests.openai_app import Client, app_of, token

PROMPT = (token("2", None), token(" 3", -0.25))
"""The log probabilities of the token ids 2 and 3."""
SCORED = Delta(" 4", 1, None, (token(" 4", -1.0),), PROMPT)


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
    engine = FakeEngine("a", "b")
    answer = (await Client(app_of(engine)).post("completions", prompt=prompt, n=2, best_of=2)).json()
    assert Completion.model_validate(answer)
    assert engine.prompts == sent
    assert [(choice["index"], choice["text"]) for choice in answer["choices"]] == [
        (i, "ab") for i in range(2 * len(sent))
    ]
    read, written = sum(len(each.split() if isinstance(each, str) else each) for each in sent), 4 * len(sent)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    assert answer["usage"] == usage


async def test_a_streamed_answer():
    *chunks, usage, done = await Client(app_of(FakeEngine("a", "b", finish="length"))).events(
        "completions", prompt=["x", "y"], stream_options={"include_usage": True}
    )
    texts, ends = ["", ""], ["", ""]
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        texts[choice["index"]] += choice["text"]
        ends[choice["index"]] = choice["finish_reason"]
    assert (texts, ends, usage["usage"]["completion_tokens"], done) == (["ab", "ab"], ["length"] * 2, 4, "[DONE]")


@pytest.mark.parametrize("prompt", ["2 3", [2, 3]])
@pytest.mark.parametrize(("max_tokens", "text", "new"), [(1, "2 3 4", [" 4"]), (0, "2 3", [])])
async def test_a_harness_scores_a_prompt(prompt, max_tokens, text, new):
    """With `echo` and `logprobs`. For max_tokens 0 the engine generates one token, which is dropped."""
    engine = FakeEngine(SCORED, finish="length")
    body = {"prompt": prompt, "echo": True, "logprobs": 1, "max_tokens": max_tokens, "temperature": 0}
    client = Client(app_of(engine))
    answer = (await client.post("completions", **body)).json()
    choice = answer["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == (text, "length")
    assert choice["logprobs"]["tokens"] == ["2", " 3", *new]
    assert choice["logprobs"]["token_logprobs"] == [None, -0.25, *([-1.0] if new else [])]
    assert choice["logprobs"]["top_logprobs"][:2] == [None, {" 3": -0.25}]
    assert answer["usage"]["completion_tokens"] == len(new)
    sampling = engine.requests[0].sampling
    assert (sampling["logprobs"], sampling["prompt_logprobs"], sampling["max_tokens"]) == (1, 1, 1)
    first, *_ = await client.events("completions", **body)
    assert (first["choices"][0]["text"], first["choices"][0]["logprobs"]["tokens"]) == (text, ["2", " 3", *new])


async def test_echo_without_log_probabilities_asks_the_engine_for_none():
    engine = FakeEngine(" c")
    answer = (await Client(app_of(engine)).post("completions", prompt="a b", echo=True)).json()
    assert answer["choices"][0]["text"] == "a b c"
    assert "prompt_logprobs" not in engine.requests[0].sampling


async def test_a_suffix_makes_fill_in_the_middle():
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    await client.post("completions", prompt=["a", "b"], suffix="c")
    assert engine.prompts == [f"<fim_prefix>{text}<fim_suffix>c<fim_middle>" for text in "ab"]


async def test_max_tokens_is_16_if_it_is_not_set():
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    for fields in ({}, {"max_tokens": None}, {"max_tokens": 0}, {"max_tokens": 3}):
        await client.post("completions", **fields)
    assert [request.sampling["max_tokens"] for request in engine.requests] == [16, 16, 0, 3]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"prompt": None}, "`prompt` must be a text, a list of token ids, or a list of these, got null."),
        ({"prompt": {}}, "`prompt` must be a text, a list of token ids, or a list of these, got an object."),
        ({"prompt": ["x", None]}, "`prompt` must be a text, a list of token ids, or a list of these, got null."),
        ({"prompt": [1, "x"]}, "`prompt` must be a text, a list of token ids, or a list of these, got 1."),
        ({"prompt": ""}, inputs.refusal(verbatim="")),
        ({"prompt": []}, inputs.refusal(verbatim=[])),
        ({"prompt": [True]}, inputs.refusal(verbatim=[True])),
        ({"prompt": [-1]}, inputs.refusal(verbatim=[-1])),
        ({"prompt": ["x", "<|end_of_text|>"]}, inputs.refusal(verbatim="<|end_of_text|>")),
        ({"prompt": [1], "suffix": "x"}, inputs.refusal(verbatim=[1], suffix="x")),
        ({"suffix": "x", "echo": True}, "`echo` cannot be combined with `suffix`; remove one of them."),
        ({"best_of": 2}, "`best_of` is not supported unless it equals n; remove it."),
        ({"logprobs": 21}, "logprobs must be from 0 to 20, got 21."),
        ({"logprobs": True}, "logprobs must be from 0 to 20, got true."),
        ({"echo": 1}, "`echo` must be true or false, got 1."),
        ({"messages": [{}]}, "`messages` is not supported on this route; remove it."),
        ({"prompt_logprobs": 1}, "`prompt_logprobs` is not supported on this route; remove it."),
        ({"prompt": "word " * 5000}, "The prompt has 5000 tokens; shorten it."),
        ({"citations": True}, "`citations` is not supported on this route; remove it."),
    ],
)
async def test_a_mistake_is_one_sentence(body, sentence):
    assert await Client(app_of(FakeEngine("x"))).error("completions", **body) == (400, sentence)
