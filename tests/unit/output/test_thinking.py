"""Granite 3.3's reasoning and response, separated."""

import pytest

from granite.output.thinking import Thinking
from tests.split import parsed


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
        ("<think>Hm.</think><response>a</response> </response>", "Hm.", "a </response>"),
        ("First. <think>Hm.</think> Then.", "Hm.", "First.  Then."),
        (" a < b <\n", "", "a < b <"),
        ("<think></think><response></response>", "", ""),
    ],
)
def test_reasoning_and_response(text, reasoning, content):
    expected = {"role": "assistant", "content": content}
    expected |= {"reasoning_content": reasoning, "reasoning": reasoning} if reasoning else {}
    assert parsed([text], Thinking()) == parsed(text, Thinking()) == expected
