"""The caller's numbers, as the engine gets them."""

import pytest

from granite.request.sampling import DEFAULT_MAX_TOKENS
from tests.inputs import DEFAULTS, refusal, request

ASK = [{"role": "user", "content": "x"}]
TOOLS = [{"type": "function", "function": {"name": "now"}}]
PLAIN = {
    "max_tokens": 512, "min_tokens": 0, "temperature": 0.6, "top_p": 0.9, "top_k": 50, "presence_penalty": 0,
    "frequency_penalty": 0, "stop": [], "seed": 7, "min_p": 0, "repetition_penalty": 1,
}  # fmt: skip


def further(**fields):
    return {"sampling_params": fields}


def forbidden(bias):
    return {"prompt": "", "messages": ASK, "tools": TOOLS, "tool_choice": "none", **further(logit_bias=bias)}


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {}),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop_sequences": "a, b"}, {"stop": ["a", " b"]}),
        ({"top_k": -1}, {"top_k": 0}),
        ({"max_completion_tokens": 8}, {"max_tokens": 8}),
        ({"max_tokens": None, "max_completion_tokens": 8}, {"max_tokens": 8}),
        ({"seed": 0}, {"seed": 0}),
        ({"seed": 2**63 - 1}, {"seed": 2**63 - 1}),
        ({"temperature": 0.01}, {"temperature": 0.01}),
        ({"verbatim": "x", "prompt": "", "logprobs": 20}, {"logprobs": 20}),
        ({"repetition_penalty": 1e30}, {"repetition_penalty": 1e30}),
        (further(allowed_token_ids=[], bad_words=[]), {}),
        (further(logit_bias={"7": -5}, ignore_eos=True, stop_token_ids=[5.0], bad_words=None), {"logit_bias": {"7": -5}, "ignore_eos": True, "stop_token_ids": [5.0]}),
        (forbidden({"7": 1, "49154": 5}), {"logit_bias": {"7": 1, "49154": -100.0}}),
        (forbidden([1]), {"logit_bias": [1]}),
    ],
)  # fmt: skip
def test_what_the_engine_gets(given, changed):
    """A null and an empty list are not set. The bias rules out a call that tool_choice does; one of a wrong type is vLLM's to refuse."""
    assert request(**{"prompt": "x", "seed": 7} | given).sampling == PLAIN | changed


def test_the_default_of_max_tokens_is_predicts():
    assert DEFAULTS.max_tokens == DEFAULT_MAX_TOKENS


@pytest.mark.parametrize("name", ["max_tokens", "min_tokens", "top_k", "seed", "logprobs"])
def test_a_whole_number_may_arrive_as_a_float(name):
    """Cog passes JSON's 8.0 on as a float."""
    taken = request(messages=ASK, **{name: 8.0}).sampling[name]
    assert (taken, type(taken)) == (8, int)


def test_without_max_tokens_as_many_as_fit():
    """Only the OpenAI API sends that."""
    made = request(prompt="x", max_tokens=None)
    assert ("max_tokens" in made.sampling, made.max_tokens) == (False, None)


def test_a_missing_seed_is_drawn_anew_each_time():
    drawn = {request(prompt="x").sampling["seed"] for _ in range(20)}
    assert len(drawn) > 1
    assert all(0 <= seed < 2**31 for seed in drawn)


UNFIT = "contains a number that does not fit 64 bits."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"max_tokens": 8.5}, "max_tokens must be a whole number, got 8.5."),
        ({"max_tokens": float("inf")}, "max_tokens must be a whole number, got Infinity."),
        ({"max_tokens": True}, "max_tokens must be a whole number, got true."),
        ({"min_tokens": 513}, "min_tokens must be at most max_tokens, which is 512, got 513."),
        ({"temperature": 0.001}, "temperature must be 0 or at least 0.01, got 0.001."),
        ({"temperature": "hot"}, "temperature must be a number, got hot."),
        ({"temperature": False}, "temperature must be a number, got false."),
        ({"top_p": 0}, "top_p must be above 0 and at most 1, got 0."),
        ({"top_p": 1.7}, "top_p must be above 0 and at most 1, got 1.7."),
        ({"top_p": float("nan")}, "top_p must be above 0 and at most 1, got nan."),
        ({"repetition_penalty": 0}, "repetition_penalty must be from 1e-30 to 1e+30, got 0."),
        ({"repetition_penalty": 1e31}, "repetition_penalty must be from 1e-30 to 1e+30, got 1e+31."),
        ({"top_k": 2**64}, f"`top_k` {UNFIT}"),
        ({"seed": -1}, "seed must be from 0 to 2**63 - 1, got -1."),
        ({"seed": 2**63}, "seed must be from 0 to 2**63 - 1, got 9223372036854775808."),
        ({"verbatim": "x", "prompt": "", "logprobs": 21}, "logprobs must be from 0 to 20, got 21."),
        ({"stop": ["a", ""]}, "`stop` contains an empty text or a NUL character; remove it."),
        ({"stop": ["a\0"]}, "`stop` contains an empty text or a NUL character; remove it."),
        ({"stop": [1]}, "`stop[0]` must be a text, got 1."),
        ({"stop_sequences": "a,,b"}, "`stop_sequences` contains an empty text or a NUL character; remove it."),
        ({"stop": ["a"], "stop_sequences": "b"}, "Give either stop or stop_sequences, not both."),
        ({"max_tokens": 9, "max_completion_tokens": 8}, "Give either max_tokens or max_completion_tokens, not both."),
        (further(top_p=0.5), "`sampling_params` cannot set `top_p`; use the input `top_p`."),
        (further(n=2), "`sampling_params` cannot set `n`: a request has one answer."),
        (further(logits_bias={}), "`sampling_params` has an unknown field `logits_bias`; did you mean `logit_bias`?"),
        (further(**{"x" * 50: 0}), "`sampling_params` has an unknown field a text of 50 characters; remove it."),
        *(
            (further(repetition_detection={"a": [value]}), f"`sampling_params.repetition_detection` {UNFIT}")
            for value in (2**63, -(2**64), 1e30, float("inf"), float("nan"))
        ),
        (further(structured_outputs="a"), "`sampling_params.structured_outputs` must be an object, got a."),
        (further(structured_outputs={"regex": "a"}, regex="b"), "`sampling_params` sets `regex` twice, also in `structured_outputs`; remove one."),
        (further(structured_outputs={"n": 1}), "`sampling_params` cannot set `n`: a request has one answer."),
    ],
)  # fmt: skip
def test_a_wrong_number_is_one_sentence(given, sentence):
    """It names the input, its value and the bound."""
    assert refusal(**{"prompt": "x"} | given) == sentence
