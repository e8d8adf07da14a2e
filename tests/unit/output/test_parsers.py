"""What holds for every parser of an answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granite.output import sentences
from granite.output.grounding import LISTS, Grounding
from granite.output.stream_text import Scrubbed, Tags
from granite.output.thinking import EXPECTED, Thinking
from granite.output.tool_calls import MARKERS, ToolCalls
from granite.request.control_tokens import CONTROL_TOKENS
from tests.split import parsed, split

TAGS = (*filter(None, EXPECTED), *LISTS, *CONTROL_TOKENS, *MARKERS)
MARK = '<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>'
CALL = '<|tool_call|>[{"name": "f", "arguments": {"a": "\\"]"}}]'
ENTRIES = '\n1: "It"\n1. Risk low: A.\n'
PARTS = (
    *TAGS,
    MARK,
    CALL,
    ENTRIES,
    '{"name": "f"',
    "[",
    "]",
    "}",
    "A.",
    " ",
    "\n",
    "<",
    "</",
    "<|",
    "<thi",
    "nk>",
    "😀",
)
PARSERS = {
    "thinking": lambda: [Thinking()],
    "tools": lambda: [ToolCalls(), Scrubbed()],
    "grounding": lambda: [Grounding([{"doc_id": "1", "text": "It is."}])],
    "tools and grounding": lambda: [ToolCalls(), Grounding([])],
}
texts = st.lists(st.sampled_from(PARTS) | st.text(max_size=4), max_size=12).map("".join)


@pytest.mark.parametrize("parsers", PARSERS.values(), ids=PARSERS)
@given(case=split(texts))
def test_any_split_gives_the_same(parsers, case):
    text, pieces = case
    whole = parsed([text], *parsers())
    assert parsed(pieces, *parsers()) == parsed(text, *parsers()) == whole
    assert Thinking in map(type, parsers()) or not any(token in (whole["content"] or "") for token in CONTROL_TOKENS)


@given(split(texts))
def test_tags_stay_whole_and_no_text_is_lost(case):
    text, pieces = case
    tags = Tags(TAGS)
    parts = [part for piece in (*pieces, ".") for part in tags.split(piece)]
    assert "".join(parts) == f"{text}."
    assert [parts.count(tag) for tag in TAGS] == [text.count(tag) for tag in TAGS]


def test_control_tokens_are_removed():
    """A stop text can cut one at the end."""
    text = "a <|x|> <|start_of_cite|>b<|end_of_text|> <|end_of"
    assert parsed(text, Scrubbed())["content"] == "a <|x|> b "
    assert parsed("a <", Scrubbed())["content"] == "a <"


@pytest.mark.parametrize("begin", ['{"', '"{\\"', '{"a": {}, "'])
def test_a_long_call_takes_no_time(begin):
    """A token at its end costs the same as one at its beginning."""
    began = time.monotonic()
    pieces = ['<|tool_call|>[{"name": "write", "arguments": ' + begin, *["words and "] * 20_000, '"}}]']
    parsed(pieces, ToolCalls())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("text", ["1" * 60_000, ": " * 30_000, "." * 60_000, '."' * 30_000, "a. " * 20_000])
def test_long_texts_take_no_time(text):
    """A quadratic search takes more than ten seconds."""
    began, (cited, rated) = time.monotonic(), LISTS
    assert parsed([f"A.\n{cited}\n{text}\n{rated}\n{text}"], Grounding([])).keys() == {"role", "content"}
    assert len(sentences.spans(text)) in (1, 20_000)
    assert time.monotonic() - began < 5
