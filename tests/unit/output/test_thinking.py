"""Granite 3.3's reasoning and response, separated."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granite.output.thinking import Thinking
from tests.split import split

TAGS = ("<think>", "</think>", "<response>", "</response>")


def parsed(pieces):
    """The reasoning and the content of an answer that arrives in these pieces."""
    parser = Thinking()
    deltas = [*map(parser.add, pieces), parser.end()]
    return "".join(delta.reasoning for delta in deltas), "".join(delta.content for delta in deltas)


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("<think>Hm.</think><response>Yes.</response>", "Hm.", "Yes."),
        ("<think>\n Hm.\n</think>\n\n<response>\nYes.\n</response>\n", "Hm.", "Yes."),
        ("Yes.", "", "Yes."),
        ("<response>Yes.</response>", "", "Yes."),
        # IBM's own cases.
        ("<think>\n\nThink think\n</think>\n\nrespond respond", "Think think", "respond respond"),
        ("Think think </think> respond respond", "", "Think think </think> respond respond"),
        # Without a closing tag, or without the response's own.
        ("<think>Hm.<response>Yes.</response>", "Hm.", "Yes."),
        ("<think>Hm.</think>Yes.</response>", "Hm.", "Yes."),
        # Cut by max_tokens, also inside a tag.
        ("<think>Hm", "Hm", ""),
        ("<think>Hm.</thi", "Hm.", ""),
        ("<think>Hm.</think>", "Hm.", ""),
        ("<think>Hm.</think><resp", "Hm.", ""),
        ("<think>Hm.</think><response>Yes.</respo", "Hm.", "Yes."),
        ("<thi", "", ""),
        # Tags without a meaning where they are.
        ("<think>a <think> b</think><response>c <think> d</response>", "a <think> b", "c <think> d"),
        ("<think>Hm.</think><response>a </response> b</response>", "Hm.", "a </response> b"),
        ("<think>Hm.</think><response>a</response></response>", "Hm.", "a</response>"),
        ("a </think> b", "", "a </think> b"),
        ("First. <think>Hm.</think> Then.", "Hm.", "First.  Then."),
        (" a < b <\n", "", "a < b <"),
        ("<think></think><response></response>", "", ""),
    ],
)
def test_reasoning_and_response(text, reasoning, content):
    assert parsed([text]) == parsed(text) == (reasoning, content)


texts = st.lists(
    st.sampled_from((*TAGS, "a", " b", "\n", "<", "</", "<think", "</resp", "onse>", "😀")) | st.text(max_size=4),
    max_size=12,
).map("".join)


@settings(max_examples=1000)
@given(split(texts))
def test_any_split_gives_the_same(case):
    text, pieces = case
    assert parsed(pieces) == parsed([text]) == parsed(text)
