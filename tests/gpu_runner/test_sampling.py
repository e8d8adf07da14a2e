"""Each sampling field on V2: its effect is that on V1, and the same at both APIs."""

import math

import pytest

from tests.predictions import answer, at_once, predicted
from tests.samples import MODEL

LAUGH = {
    "prompt": "<|start_of_role|>user<|end_of_role|>Laugh.<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>ha ha",
    "temperature": 0,
    "max_tokens": 6,
}
"""Greedily " ha" six times."""

END = {"0": 100}
"""A bias to the end of the text."""

CHANGED = {
    "max_tokens": {"max_tokens": 2},
    "presence_penalty": {"presence_penalty": 2},
    "frequency_penalty": {"frequency_penalty": 2},
    "repetition_penalty": {"repetition_penalty": 1.5},
    "stop": {"stop": ["a ha h"]},
    "include_stop_str_in_output": {"stop": ["a ha h"], "include_stop_str_in_output": True},
    "stop_token_ids": {"stop_token_ids": [421]},  # " ha"
    "logit_bias": {"logit_bias": {"28": 100}},
    "logit_bias to the end": {"logit_bias": END},
    "min_tokens": {"logit_bias": END, "min_tokens": 3},
    "ignore_eos": {"logit_bias": END, "ignore_eos": True},
    "allowed_token_ids": {"allowed_token_ids": [28, 29, 30]},
    "bad_words": {"bad_words": ["ha"]},
    "bad_words of several tokens": {"bad_words": ["ha ha ha"]},
    "repetition_detection": {"repetition_detection": {"max_pattern_size": 1, "min_count": 3}},
}
FURTHER = {
    *("include_stop_str_in_output", "stop_token_ids", "logit_bias", "ignore_eos", "allowed_token_ids", "bad_words"),
    *("repetition_detection", "stream_interval", "skip_reading_prefix_cache"),
}
"""Fields of the input `sampling_params`."""

HOT = {"temperature": 2, "seed": 1}
UNCHANGED = {
    "temperature": {**HOT, "temperature": 0.01},
    "top_k": {**HOT, "top_k": 1},
    "top_p": {**HOT, "top_p": 1e-6},
    "min_p": {**HOT, "min_p": 1},
    "presence_penalty": {"presence_penalty": -2},
    "stop": {"stop": ["never in it"]},
    "logit_bias": {"logit_bias": {"28": -100}},
    "ignore_eos": {"ignore_eos": True},
    "skip_reading_prefix_cache": {"skip_reading_prefix_cache": True},
    "stream_interval": {"stream_interval": 3},
}


def of_cog(client):
    """Text, tokens and finish reason of a prediction."""

    def send(fields):
        further = {name: value for name, value in fields.items() if name in FURTHER}
        inputs = {name: value for name, value in fields.items() if name not in FURTHER}
        made = predicted(client, **LAUGH | inputs, **({"sampling_params": further} if further else {}))
        assert made["status"] == "succeeded", made["error"]
        metrics = made["metrics"]
        return "".join(made["output"] or ()), metrics["output_token_count"], metrics["finish_reason"]

    return send


def of_openai(client):
    """The same of a completion."""

    def send(fields):
        made = client.post(
            "/v1/completions", json={"model": MODEL, "top_p": 0.9, "top_k": 50, **LAUGH, **fields}
        ).json()
        (choice,) = made["choices"]
        return choice["text"], made["usage"]["completion_tokens"], choice["finish_reason"]

    return send


@pytest.mark.slow
def test_a_field_changes_the_answer_as_on_v1(cog, v2, v2_http):
    expected = at_once(CHANGED, of_cog(cog))
    assert at_once(CHANGED, of_cog(v2)) == expected
    # A finish reason of vLLM's alone is no finish reason of OpenAI's.
    repetition = {"repetition_detection": (*expected["repetition_detection"][:2], "stop")}
    assert at_once(CHANGED, of_openai(v2_http)) == expected | repetition
    assert [name for name, made in expected.items() if made == (" ha" * 6, 6, "length")] == []


@pytest.mark.slow
def test_a_field_that_leaves_one_token_or_changes_nothing_gives_the_greedy_answer(v2, v2_http):
    expected = dict.fromkeys(UNCHANGED, (" ha" * 6, 6, "length"))
    assert at_once(UNCHANGED, of_cog(v2)) == expected
    assert at_once(UNCHANGED, of_openai(v2_http)) == expected


@pytest.mark.slow
def test_a_temperature_gives_each_seed_its_own_answer(v2):
    seeds = {
        seed: LAUGH | {"temperature": 2, "top_p": 1, "top_k": 0, "max_tokens": 2, "seed": seed} for seed in range(8)
    }
    assert len({*at_once(seeds, lambda request: answer(v2, **request)).values()}) > 4


@pytest.mark.slow
def test_only_what_sampling_keeps_is_drawn(v2, v2_http):
    """The likeliest tokens: as many as top_k says, or at least min_p as likely as the likeliest."""
    body = {"model": MODEL, **LAUGH, "max_tokens": 1, "logprobs": 20}
    (top,) = v2_http.post("/v1/completions", json=body).json()["choices"][0]["logprobs"]["top_logprobs"]
    likeliest, *_ = top.values()
    kept = {
        "top_k": [*top][:3],
        "min_p": [text for text, logprob in top.items() if math.exp((logprob - likeliest) / 2) >= 0.2],
    }
    hot = LAUGH | {"temperature": 2, "top_p": 1, "top_k": 0, "max_tokens": 1}
    requests = {
        (name, seed): hot | {name: value, "seed": seed}
        for name, value in {"top_k": 3, "min_p": 0.2}.items()
        for seed in range(16)
    }
    drawn = at_once(requests, lambda request: answer(v2, **request))
    for name, tokens in kept.items():
        assert 1 < len(tokens) < 20
        texts = {drawn[name, seed] for seed in range(16)}
        assert len(texts) > 1
        assert texts <= {*tokens}


@pytest.mark.slow
def test_stream_interval_joins_tokens(v2):
    """The first and the last come at once."""
    assert [text.count("ha") for text in predicted(v2, **LAUGH, sampling_params={"stream_interval": 3})["output"]] == [
        1,
        3,
        2,
    ]
