"""What one request has produced so far."""

from granite.output.answer import Answer, Delta


def counts(read, written):
    first = {"input_token_count": read, "output_token_count": written}
    return first | {"token_input_count": read, "token_output_count": written}


def test_metrics():
    """Both names of each count, however a prediction ends; the speed is that of decoding."""
    answer = Answer(prompt_tokens=5, began=0)
    assert answer.metrics() == counts(5, 0)
    answer.add(Delta("a", 1))
    answer.add(Delta("b", 2, "length"))
    assert 0 < answer.first_token < answer.last_token
    answer.first_token, answer.last_token = 0.5, 1.5
    times = {"time_to_first_token": 0.5, "tokens_per_second": 2.0}
    assert answer.metrics() == counts(5, 3) | times | {"finish_reason": "length"}
    assert answer.text == "ab"


def test_joined_deltas_lose_nothing():
    one, two, three = ({"token": token, "logprob": -1.0, "bytes": [], "top_logprobs": []} for token in "pab")
    deltas = [Delta("a", 1, None, (two,), (one,)), Delta("", 0), Delta("b", 1, "stop", (three,), ())]
    assert Delta.joined(deltas) == Delta("ab", 2, "stop", (two, three), (one,))
