"""Tags and control tokens in a text that arrives in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from granite.output.message import Verbatim
from granite.output.stream_text import Scrubbed, Tags
from granite.request.control_tokens import CONTROL_TOKENS
from tests.split import split

TAGS = ("<think>", "</think>", "<response>")
texts = st.lists(st.sampled_from((*TAGS, *CONTROL_TOKENS, "a", "<", "</", "<|", "<|end_of", "😀"))).map("".join)


@given(split(texts))
def test_tags_stay_whole_and_no_text_is_lost(case):
    text, pieces = case
    tags = Tags(TAGS)
    parts = [part for piece in pieces for part in tags.split(piece)]
    assert "".join(parts) + tags.rest() == text
    assert [parts.count(tag) for tag in TAGS] == [text.count(tag) for tag in TAGS]


def scrubbed(pieces):
    parser = Scrubbed(Verbatim())
    return "".join(parser.add(piece).content for piece in pieces) + parser.end().content


@given(split(texts))
def test_any_split_loses_the_same_control_tokens(case):
    text, pieces = case
    assert scrubbed(pieces) == scrubbed([text])
    assert not any(token in scrubbed(pieces) for token in CONTROL_TOKENS)


def test_control_tokens_are_removed():
    """A stop text can cut one at the end."""
    assert scrubbed("a <|x|> <|start_of_cite|>b<|end_of_text|> <|end_of") == "a <|x|> b "
    assert scrubbed("a <") == "a <"
