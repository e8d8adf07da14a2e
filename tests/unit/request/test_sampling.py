"""The caller's numbers, before the engine sees them."""

from dataclasses import asdict

import pytest

from granite.cli import contract
from granite.request.sampling import PREDICT_MAX_TOKENS, Sampling
from tests import asked
from tests.asked import passed


def check(faults, inputs):
    return asdict(Sampling.checked(faults, inputs, {}, {}))


def sampled(**given):
    return passed(check, **{"prompt": "x", "seed": 7} | given)


def refused(**given):
    return asked.refused(check, **given)


def test_the_defaults_pass_as_they_are():
    """Every number has the type that vLLM wants."""
    assert repr(sampled()) == repr(
        {
            "max_tokens": 512,
            "min_tokens": 0,
            "temperature": 0.6,
            "top_p": 0.9,
            "top_k": 50,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "stop": (),
            "seed": 7,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "logprobs": None,
            "further": {},
        }
    )


@pytest.mark.parametrize("name", ["max_tokens", "min_tokens", "top_k", "seed", "logprobs", "max_completion_tokens"])
def test_an_integer_that_arrives_as_a_float_is_an_integer(name):
    """JSON's 8.0 reaches predict() as a float."""
    taken = sampled(**{name: 8.0})["max_tokens" if name == "max_completion_tokens" else name]
    assert (taken, type(taken)) == (8, int)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"max_tokens": 8.5}, "max_tokens must be a whole number, got 8.5."),
        ({"max_tokens": 0}, "max_tokens must be from 1 to 2**63 - 1, got 0."),
        ({"max_tokens": 1e30}, "max_tokens must be from 1 to 2**63 - 1, got 1e+30."),
        ({"max_tokens": float("inf")}, "max_tokens must be a whole number, got inf."),
        ({"min_tokens": 513}, "min_tokens must be at most max_tokens, which is 512, got 513."),
        ({"temperature": 2.5}, "temperature must be from 0 to 2, got 2.5."),
        ({"temperature": 0.001}, "temperature must be 0 or at least 0.01, got 0.001."),
        ({"top_p": 0}, "top_p must be above 0 and at most 1, got 0."),
        ({"top_p": 1.7}, "top_p must be above 0 and at most 1, got 1.7."),
        ({"top_k": -2}, "top_k must be from -1 to 2**63 - 1, got -2."),
        ({"presence_penalty": -3}, "presence_penalty must be from -2 to 2, got -3."),
        ({"frequency_penalty": 3}, "frequency_penalty must be from -2 to 2, got 3."),
        ({"seed": -1}, "seed must be from 0 to 2**63 - 1, got -1."),
        ({"seed": 2**63}, "seed must be from 0 to 2**63 - 1, got 9223372036854775808."),
        ({"min_p": 1.5}, "min_p must be from 0 to 1, got 1.5."),
        ({"logprobs": 21}, "logprobs must be from 0 to 20, got 21."),
        ({"logprobs": 0.5}, "logprobs must be a whole number, got 0.5."),
        ({"repetition_penalty": 0}, "repetition_penalty must be above 0, got 0."),
        ({"stop": ""}, "stop must not hold an empty string, which would end every answer at once: leave it out."),
        ({"stop": ["a\0"]}, "stop must not hold a NUL character, which no answer can hold: leave it out."),
        (
            {"stop_sequences": "a,,b"},
            "stop_sequences must not hold an empty string, which would end every answer at once: leave it out.",
        ),
        (
            {"stop": "a", "stop_sequences": "b"},
            "Give either stop or stop_sequences, not both: they name one thing.",
        ),
        (
            {"max_tokens": 9, "max_completion_tokens": 8},
            "Give either max_tokens or max_completion_tokens, not both: they name one thing.",
        ),
    ],
)
def test_a_fault_is_one_sentence(changes, sentence):
    """It names the input, its value and the bound."""
    assert refused(**changes) == sentence


def test_all_faults_are_told_at_once_in_the_order_of_the_inputs():
    """A caller mends them in one go."""
    assert refused(seed=-1, top_p=0, max_tokens=0) == (
        "max_tokens must be from 1 to 2**63 - 1, got 0. "
        "top_p must be above 0 and at most 1, got 0. "
        "seed must be from 0 to 2**63 - 1, got -1."
    )


def test_seed_zero_and_the_largest_seed_are_seeds():
    """0 is no missing value, and the bound itself is inside."""
    assert (sampled(seed=0)["seed"], sampled(seed=2**63 - 1)["seed"]) == (0, 2**63 - 1)


def test_a_missing_seed_is_drawn_anew_each_time():
    """So that it can be logged and used again."""
    drawn = {sampled(seed=None)["seed"] for _ in range(20)}
    assert len(drawn) > 1
    assert all(0 <= seed < 2**31 for seed in drawn)


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({"stop": "END"}, ("END",)),
        ({"stop": ["a", "b"]}, ("a", "b")),
        ({"stop": []}, ()),
        ({"stop_sequences": "a, b"}, ("a", " b")),
    ],
)
def test_stop_texts(changes, stops):
    """A comma-separated list is taken to the letter, blanks included."""
    assert sampled(**changes)["stop"] == stops


def test_minus_one_turns_top_k_off():
    """vLLM's own word for it is 0."""
    assert sampled(top_k=-1)["top_k"] == 0


def test_max_completion_tokens_is_max_tokens():
    """Beside the default it counts."""
    assert sampled(max_completion_tokens=8)["max_tokens"] == 8


def test_the_default_of_max_tokens_is_predicts():
    """What contradicts max_completion_tokens is a max_tokens that somebody chose."""
    assert contract.input_properties()["max_tokens"]["default"] == PREDICT_MAX_TOKENS
