"""vLLM's words in our sentences."""

import pytest

from granite.engine import vllm_errors


@pytest.mark.parametrize(
    ("words", "for_caller", "for_operator"),
    [
        ("top_k must be 0\n(disable), got -2.", "top_k must be 0 (disable), got -2.", "top_k must be 0 (disable), got -2."),
        ("many (parameter=stop, value=their\ntext)", "many.", "many (parameter=stop, value=their text)"),
        ("[12:34:56] /cpp/grammar.cc:42: EBNF", "EBNF.", "[12:34:56] /cpp/grammar.cc:42: EBNF"),
        ("", "ValueError.", ""),
        ("x" * 201, "x" * 200 + "…", "x" * 201),
    ],
)  # fmt: skip
def test_a_caller_reads_one_line_without_their_own_text_and_an_operator_all(words, for_caller, for_operator):
    assert vllm_errors.for_caller(ValueError(words)) == for_caller
    assert vllm_errors.for_operator(ValueError(words)) == for_operator
