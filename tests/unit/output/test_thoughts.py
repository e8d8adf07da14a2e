"""Granite 3.3's thoughts and response, told apart."""

import pytest
from granite_common.granite3 import granite33
from hypothesis import given, settings
from hypothesis import strategies as st

from granite.output.tags import Tags
from granite.output.thinking import Thoughts

TAGS = ("<think>", "</think>", "<response>", "</response>")


def parsed(chunks):
    """The reasoning and the content of an answer that arrives in these chunks."""
    parser = Thoughts()
    pieces = [*map(parser.add, chunks), parser.end()]
    return "".join(piece.reasoning for piece in pieces), "".join(piece.content for piece in pieces)


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("<think>Hm.</think><response>Yes.</response>", "Hm.", "Yes."),
        ("<think>\n Hm.\n</think>\n\n<response>\nYes.\n</response>\n", "Hm.", "Yes."),
        ("Yes.", "", "Yes."),
        (" Yes.\n", "", "Yes."),
        ("<response>Yes.</response>", "", "Yes."),
        # Without a closing tag, or without the response's own.
        ("<think>Hm.<response>Yes.</response>", "Hm.", "Yes."),
        ("<think>Hm.</think>Yes.", "Hm.", "Yes."),
        ("<think>Hm.</think>Yes.</response>", "Hm.", "Yes."),
        ("<think>Hm.</think><response>Yes.", "Hm.", "Yes."),
        # Cut by max_tokens, also inside a tag.
        ("<think>Hm", "Hm", ""),
        ("<think>Hm.</thi", "Hm.", ""),
        ("<think>Hm.</think>", "Hm.", ""),
        ("<think>Hm.</think><resp", "Hm.", ""),
        ("<think>Hm.</think><response>Yes.</respo", "Hm.", "Yes."),
        ("<thi", "", ""),
        # Tags that mean nothing where they stand are text.
        ("<think>a <think> b</think><response>c <think> d</response>", "a <think> b", "c <think> d"),
        ("<think>Hm.</think><response>a </response> b</response>", "Hm.", "a </response> b"),
        ("<think>Hm.</think><response>a</response></response>", "Hm.", "a</response>"),
        ("a </think> b", "", "a </think> b"),
        ("First. <think>Hm.</think> Then.", "Hm.", "First.  Then."),
        ("a < b", "", "a < b"),
        ("a <", "", "a <"),
        ("<think></think><response></response>", "", ""),
        ("", "", ""),
    ],
)
def test_an_answer_is_thoughts_and_a_response(text, reasoning, content):
    """Well-formed, cut, or with a tag forgotten."""
    assert parsed([text]) == (reasoning, content)
    assert parsed(text) == (reasoning, content)


texts = st.lists(
    st.sampled_from((*TAGS, "a", " b", "\n", "<", "</", "<think", "</resp", "onse>", "😀")) | st.text(max_size=4),
    max_size=12,
).map("".join)


@settings(max_examples=1000)
@given(texts, st.data())
def test_any_split_gives_the_same(text, data):
    """The whole is what its characters, or any other pieces of it, are."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parsed(pieces) == parsed([text]) == parsed(text)


words = (
    st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
)


@given(words, words, st.sampled_from(["", "\n", "\n\n"]))
def test_a_well_formed_answer_is_read_as_by_granite_common(thought, answer, space):
    """IBM's own parser, for whole texts."""
    text = f"<think>{space}{thought}{space}</think>{space}<response>{space}{answer}{space}</response>{space}"
    request = granite33.Granite33ChatCompletion.model_validate(
        {
            "messages": [{"role": "user", "content": "Why?"}],
            "extra_body": {"chat_template_kwargs": {"thinking": True}, "documents": []},
        }
    )
    message = granite33.Granite33OutputProcessor().transform(text, request)
    assert parsed(text) == (message.reasoning_content, message.content)


@given(texts)
def test_no_text_is_lost_between_tags(text):
    """Texts and tags, put together again, are the whole; a tag is always whole."""
    tags = Tags(TAGS)
    parts = [part for character in text for part in tags.split(character)]
    assert "".join(parts) + tags.rest() == text
    assert text.count("<think>") == parts.count("<think>")
