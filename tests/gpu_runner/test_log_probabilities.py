"""Log probabilities of answers and prompts on V2: V1's numbers, to float32's last digits."""

import json

import pytest

from tests.predictions import answer
from tests.samples import FRANCE, MODEL


def approximately(expected):
    return pytest.approx(expected, rel=1e-3)


def test_the_openai_api_has_its_log_probabilities(http, v2_http):
    """Several answers, a scored prompt, alternatives: the numbers of V1."""
    request = {"model": MODEL, "prompt": "The capital of France is", "max_tokens": 2, "temperature": 0}
    request |= {"echo": True, "logprobs": 2, "n": 2, "seed": 1}
    ours, theirs = (client.post("/v1/completions", json=request).json()["choices"] for client in (v2_http, http))
    assert [choice["text"] for choice in ours] == [choice["text"] for choice in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["logprobs"]["tokens"] == other["logprobs"]["tokens"]
        assert mine["logprobs"]["token_logprobs"][1:] == approximately(other["logprobs"]["token_logprobs"][1:])


@pytest.mark.slow
def test_a_chats_log_probabilities_are_v1s_at_both_apis(cog, v2, v2_http):
    """Of each token and of its alternatives, as many as may be requested."""
    request = {"messages": FRANCE, "temperature": 0, "max_tokens": 3}
    body = {"model": MODEL, **request, "logprobs": True, "top_logprobs": 20}
    answers = [json.loads(answer(client, **request, logprobs=20)) for client in (cog, v2)]
    answers.append(v2_http.post("/v1/chat/completions", json=body).json())
    expected, *others = ([*tokens(each)] for each in answers)
    assert len(expected) == 3
    for other in others:
        for (texts, numbers), (expected_texts, expected_numbers) in zip(other, expected, strict=True):
            assert numbers == approximately(expected_numbers)
            assert texts[0] == expected_texts[0]
            # Alternatives that are equally likely may change places.
            assert set(texts[:10]) == set(expected_texts[:10])


def tokens(completion):
    """Each token's texts and log probabilities: its own, then its alternatives'."""
    for token in completion["choices"][0]["logprobs"]["content"]:
        entries = [token, *token["top_logprobs"]]
        yield [entry["token"] for entry in entries], [entry["logprob"] for entry in entries]


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompt", [[5], [*range(100, 240)]], ids=["one token", "more than a block of the prefix cache"]
)
def test_a_prompt_is_scored_the_same_again(http, v2_http, prompt):
    """Whatever the prefix cache holds, and whatever the caller says of it."""
    body = {"model": MODEL, "prompt": prompt, "max_tokens": 0, "temperature": 0, "echo": True, "logprobs": 1}
    expected, *scored = (
        client.post("/v1/completions", json=body | {"skip_reading_prefix_cache": skips}).json()["choices"][0]
        for client, skips in ((http, True), (v2_http, True), (v2_http, False))
    )
    for choice in scored:
        assert choice["text"] == expected["text"]
        assert choice["logprobs"]["token_logprobs"][0] is None
        assert choice["logprobs"]["token_logprobs"][1:] == approximately(expected["logprobs"]["token_logprobs"][1:])
