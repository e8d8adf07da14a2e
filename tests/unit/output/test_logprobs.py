"""vLLM's log probabilities in OpenAI's format."""

from types import SimpleNamespace

from granite.output import logprobs

ENTRIES = {
    7: SimpleNamespace(logprob=-3.0, rank=3, decoded_token="é"),
    1: SimpleNamespace(logprob=float("-inf"), rank=2, decoded_token=None),
    2: SimpleNamespace(logprob=-0.5, rank=1, decoded_token="b"),
}
"""With the fields of vLLM's Logprob."""

FIRST, SECOND = {"token": "b", "logprob": -0.5, "bytes": [98]}, {"token": "", "logprob": -9999.0, "bytes": []}
SAMPLED = {"token": "é", "logprob": -3.0, "bytes": [195, 169]}


def test_a_token_comes_with_the_likeliest():
    """vLLM adds the sampled token to them, however unlikely it is; minus infinity is not JSON."""
    completion = SimpleNamespace(token_ids=[7, 2], logprobs=[ENTRIES, ENTRIES])
    both = [FIRST, SECOND]
    assert logprobs.content(completion, 2) == (SAMPLED | {"top_logprobs": both}, FIRST | {"top_logprobs": both})
    assert logprobs.content(completion, 0) == (SAMPLED | {"top_logprobs": []}, FIRST | {"top_logprobs": []})
    assert logprobs.content(completion, None) == ()
    assert logprobs.content(SimpleNamespace(token_ids=[7], logprobs=None), 2) == ()


def test_the_first_token_of_a_prompt_has_no_log_probability():
    first = {"token": "5", "logprob": None, "bytes": [53], "top_logprobs": []}

    def decode(ids):
        return str(*ids)

    assert logprobs.prompt_content([5, 7], [None, ENTRIES], 1, decode) == (first, SAMPLED | {"top_logprobs": [FIRST]})
    assert logprobs.prompt_content([5, 7], None, 1, decode) == ()
    assert logprobs.prompt_content([5, 7], [None, ENTRIES], None, decode) == ()
