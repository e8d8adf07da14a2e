"""What one request has produced so far."""

from granite.output.answer import Answer, Delta


def test_metrics_of_an_answer_that_ended():
    """Both names of each count; the speed is that of decode."""
    answer = Answer(prompt_tokens=5, began=0)
    answer.add(Delta("a", 1))
    answer.add(Delta("b", 2, "length"))
    answer.first_token, answer.last_token = 0.5, 1.5
    assert answer.metrics() == {
        "input_token_count": 5,
        "output_token_count": 3,
        "token_input_count": 5,
        "token_output_count": 3,
        "time_to_first_token": 0.5,
        "tokens_per_second": 2.0,
        "finish_reason": "length",
    }
    assert answer.text == "ab"


def test_metrics_of_an_answer_that_never_began():
    """Counts are there however a prediction ends."""
    assert Answer(prompt_tokens=5).metrics() == {
        "input_token_count": 5,
        "output_token_count": 0,
        "token_input_count": 5,
        "token_output_count": 0,
    }
