"""vLLM's words in our sentences."""

import pytest

from granite.engine import vllm_errors


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("top_k must be 0\n(disable), got -2.", "top_k must be 0 (disable), got -2."),
        ("too many (parameter=stop, value=the caller's\ntext)", "too many."),
        ("[12:34:56] /project/cpp/grammar.cc:42: EBNF error", "EBNF error."),
        ("", "ValueError."),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_a_caller_reads_one_line_without_their_own_text(words, sentence):
    assert vllm_errors.for_caller(ValueError(words)) == sentence


def test_an_operator_reads_all_of_what_a_process_said():
    wrapped = (
        "Call to add_lora method failed: Worker failed with error 'vLLM does not\nsupport it.', "
        "please check the stack trace above for the root cause"
    )
    assert vllm_errors.for_operator(RuntimeError(wrapped)) == "vLLM does not support it."
    assert vllm_errors.for_operator(RuntimeError("x" * 999)) == "x" * 999
