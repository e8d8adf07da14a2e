"""The caller's numbers, as the engine gets them."""

import pytest

from granite.request.sampling import DEFAULT_MAX_TOKENS
from tests.inputs import DEFAULTS, refusal, request


def sampled(**given):
    return request(**{"prompt": "x", "seed": 7} | given).sampling


def test_the_defaults_pass_as_they_are():
    assert sampled() == {
        "max_tokens": 512,
        "min_tokens": 0,
        "temperature": 0.6,
        "top_p": 0.9,
        "top_k": 50,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "stop": [],
        "seed": 7,
        "min_p": 0,
        "repetition_penalty": 1,
    }
    assert DEFAULTS.max_tokens == DEFAULT_MAX_TOKENS


@pytest.mark.parametrize("name", ["max_tokens", "min_tokens", "top_k", "seed", "logprobs", "max_completion_tokens"])
def test_a_whole_number_may_arrive_as_a_float(name):
    """Cog passes JSON's 8.0 on as a float."""
    chat = {"prompt": "", "messages": [{"role": "user", "content": "x"}]}
    taken = sampled(**chat, **{name: 8.0})["max_tokens" if name == "max_completion_tokens" else name]
    assert (taken, type(taken)) == (8, int)


@pytest.mark.parametrize(
    ("given", "sampling"),
    [
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop": []}, {"stop": []}),
        ({"stop_sequences": "a, b"}, {"stop": ["a", " b"]}),
        ({"top_k": -1}, {"top_k": 0}),
        ({"max_completion_tokens": 8}, {"max_tokens": 8}),
        ({"max_tokens": None, "max_completion_tokens": 8}, {"max_tokens": 8}),
        ({"seed": 0}, {"seed": 0}),
        ({"seed": 2**63 - 1}, {"seed": 2**63 - 1}),
        ({"temperature": 0.01}, {"temperature": 0.01}),
        ({"verbatim": "x", "prompt": "", "logprobs": 20}, {"logprobs": 20}),
    ],
)
def test_what_the_engine_gets(given, sampling):
    assert sampled(**given).items() >= sampling.items()


def test_without_max_tokens_as_many_as_fit():
    """Only the OpenAI API sends that."""
    made = request(prompt="x", max_tokens=None)
    assert ("max_tokens" in made.sampling, made.max_tokens) == (False, None)


def test_a_missing_seed_is_drawn_anew_each_time():
    drawn = {sampled(seed=None)["seed"] for _ in range(20)}
    assert len(drawn) > 1
    assert all(0 <= seed < 2**31 for seed in drawn)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"max_tokens": 8.5}, "max_tokens must be a whole number, got 8.5."),
        ({"max_tokens": 1e30}, "max_tokens must be at most 2**63 - 1, got 1000000000000000019884624838656."),
        ({"max_tokens": float("inf")}, "max_tokens must be a whole number, got Infinity."),
        ({"max_tokens": True}, "max_tokens must be a whole number, got true."),
        ({"min_tokens": 513}, "min_tokens must be at most max_tokens, which is 512, got 513."),
        ({"min_tokens": 2**63, "max_tokens": None}, "min_tokens must be at most 2**63 - 1, got 9223372036854775808."),
        ({"temperature": 0.001}, "temperature must be 0 or at least 0.01, got 0.001."),
        ({"temperature": "hot"}, "temperature must be a number, got hot."),
        ({"temperature": None}, "temperature must be a number, got null."),
        ({"temperature": False}, "temperature must be a number, got false."),
        ({"top_p": 0}, "top_p must be above 0 and at most 1, got 0."),
        ({"top_p": 1.7}, "top_p must be above 0 and at most 1, got 1.7."),
        ({"top_p": float("nan")}, "top_p must be above 0 and at most 1, got nan."),
        ({"top_k": 2**64}, "top_k must be at most 2**63 - 1, got 18446744073709551616."),
        ({"seed": -1}, "seed must be from 0 to 2**63 - 1, got -1."),
        ({"seed": 2**63}, "seed must be from 0 to 2**63 - 1, got 9223372036854775808."),
        ({"logprobs": 21, "verbatim": "x", "prompt": ""}, "logprobs must be from 0 to 20, got 21."),
        ({"logprobs": -1, "verbatim": "x", "prompt": ""}, "logprobs must be from 0 to 20, got -1."),
        ({"logprobs": 0.5}, "logprobs must be a whole number, got 0.5."),
        ({"stop": [""]}, "`stop` contains an empty text, which would end every answer at once; remove it."),
        ({"stop": ["a\0"]}, "`stop` contains a NUL character, which no answer can contain; remove it."),
        ({"stop": [1]}, "`stop[0]` must be a text, got 1."),
        ({"stop_sequences": "a,,b"}, "`stop_sequences` contains an empty text, which would end every answer at once; remove it."),
        ({"stop": ["a"], "stop_sequences": "b"}, "Give either stop or stop_sequences, not both."),
        ({"max_tokens": 9, "max_completion_tokens": 8}, "Give either max_tokens or max_completion_tokens, not both."),
    ],
)  # fmt: skip
def test_a_wrong_number_is_one_sentence(given, sentence):
    """It names the input, its value and the bound."""
    assert refusal(**{"prompt": "x"} | given) == sentence


def test_sampling_params_are_fields_of_vllms():
    """A null is not set, and the engine converts the rest."""
    given = {"logit_bias": {"7": -5, "8": 2.5}, "ignore_eos": True, "stop_token_ids": [5.0], "bad_words": None}
    assert sampled(sampling_params=given) == sampled() | {
        "logit_bias": {"7": -5, "8": 2.5},
        "ignore_eos": True,
        "stop_token_ids": [5.0],
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"top_p": 0.5}, "`sampling_params` cannot set `top_p`; use the input `top_p`."),
        ({"json_object": True}, "`sampling_params` cannot set `json_object`; use the input `response_format`."),
        ({"n": 2}, "`sampling_params` cannot set `n`: a request has one answer."),
        ({"prompt_logprobs": 2}, "`sampling_params` cannot set `prompt_logprobs`: an answer has no field for them."),
        ({"logits_bias": {}}, "`sampling_params` has an unknown field `logits_bias`; did you mean `logit_bias`?"),
        ({"x" * 50: 0}, "`sampling_params` has an unknown field a text of 50 characters; remove it."),
        ({"logit_bias": {"7": 500}}, "sampling_params.logit_bias must be from -100 to 100, got 500."),
        *(
            ({"repetition_detection": {"a": [value]}}, "`sampling_params.repetition_detection` contains a number that does not fit 64 bits.")
            for value in (2**63, -(2**64), 1e30, float("inf"), float("nan"))
        ),
        ({"structured_outputs": "a"}, "`sampling_params.structured_outputs` must be an object, got a."),
        ({"structured_outputs": {"n": 1}}, "`sampling_params` cannot set `n`: a request has one answer."),
        ({"regex": "a", "structured_outputs": {"regex": "b"}}, "`sampling_params` sets `regex` twice, also in `structured_outputs`."),
    ],
)  # fmt: skip
def test_a_wrong_field_of_sampling_params_is_one_sentence(given, sentence):
    assert refusal(prompt="x", sampling_params=given) == sentence


def test_a_bias_of_the_wrong_type_is_vllms_to_refuse():
    tools = [{"type": "function", "function": {"name": "now"}}]
    given = {"messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": "none"}
    assert request(**given, sampling_params={"logit_bias": [1]}).sampling["logit_bias"] == [1]
