"""Granite's tool calls as data, whatever the model writes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granite.output.message import message
from granite.output.stream_text import Scrubbed
from granite.output.tool_calls import ToolCalls
from tests.split import split

TWO_CALLS = '<|tool_call|>[{"name": "weather", "arguments": {"city": "Zürich \\"]"}}, {"name": "now", "arguments": {}}]'
TWO = [("weather", '{"city": "Zürich \\"]"}'), ("now", "{}")]


def parsed(pieces):
    """The content, and the name and arguments of each call, of an answer that arrives in these pieces."""
    parser = Scrubbed(ToolCalls())
    whole = message([*map(parser.add, pieces), parser.end()])
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in whole.get("tool_calls", [])]
    return whole["content"], calls


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("No tool is needed.", "No tool is needed."),
        ("<|tool_call|> I cannot.", " I cannot."),
        ("<|tool_call|>[]", "[]"),
        ('<|tool_call|>[{"name": "wea', '[{"name": "wea'),
        ('<|tool_call|>[{"arguments": {}}]', '[{"arguments": {}}]'),
        ('<|tool_call|>{"name": "now"}', '{"name": "now"}'),
        ("In prose <tool_call> is a tag.", "In prose <tool_call> is a tag."),
        ("It is <|start_of_cite|>late<|end_of_text|>.", "It is late."),
        # A stop text inside the marker cuts it.
        ("So. <|tool_c", "So. "),
    ],
)
def test_text_without_a_call_is_content(text, content):
    """As it was written, but for control tokens."""
    assert parsed([text]) == parsed(text) == (content, [])


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (TWO_CALLS, None, TWO),
        ('<|tool_call|> [ {"name" : "now" , "arguments" : { "a" : [1, {}] } } ] ', None, [("now", '{ "a" : [1, {}] }')]),
        ('<|tool_call|>[{"name": "now"}]', None, [("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": null}]', None, [("now", "{}")]),
        ('<|tool_call|>[{"arguments": {"a": 1}, "name": "now"}]', None, [("now", '{"a": 1}')]),
        ('<|tool_call|>[{"id": 7, "name": "now", "arguments": {}, "x": [true]}]', None, [("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": "{\\"a\\": 1}"}]', None, [("now", '{"a": 1}')]),
        ('<|tool_call|>[{"name": "n\\u00f6w", "arguments": {"a": "\\u00f6 <tool_call> \\\\"}}]', None, [("nöw", '{"a": "\\u00f6 <tool_call> \\\\"}')]),
        ('<tool_call>[{"name": "now", "arguments": {}}]', None, [("now", "{}")]),
        ('<|tool_call|><|tool_call|>[{"name": "now"}]', None, [("now", "{}")]),
        ('<|tool_call|>[{"name": "now"', None, [("now", "{}")]),
        ('<|tool_call|>[{"name": "now" ]', "]", [("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": {"city": "Zür', None, [("now", '{"city": "Zür')]),
        ('<|tool_call|>[{"name": "now", "arguments": "abc"}]', None, [("now", '"abc"')]),
        ('<|tool_call|>[{"name": "now", "arguments": "[1]"}]', None, [("now", '"[1]"')]),
        ('<|tool_call|>[{"name": "now", "arguments": [1]}]', None, [("now", "[1]")]),
        ('<|tool_call|>[{"name": "now", "arguments": {}}, {"name": "wea', ', {"name": "wea', [("now", "{}")]),
        ('<|tool_call|>[{"name": "a"}]<|tool_call|>[{"name": "b"}]', None, [("a", "{}"), ("b", "{}")]),
        # Text around a list, and where it breaks off.
        (f"Let me see. {TWO_CALLS} So.", "Let me see.  So.", TWO),
        ('<|tool_call|>[{"name": "a", "arguments": {}} oops', " oops", [("a", "{}")]),
        ('<|tool_call|>[{"name": "a", "arguments": {"b": 1}] oops', "] oops", [("a", '{"b": 1}')]),
    ],
)  # fmt: skip
def test_calls(text, content, calls):
    """The arguments are as the model wrote them."""
    assert parsed([text]) == parsed(text) == (content, calls)


def test_each_call_has_an_id_and_streams():
    """The name with the id first, then the arguments in pieces that make up the whole."""
    parser = ToolCalls()
    deltas = [call for piece in TWO_CALLS for call in parser.add(piece).tool_calls]
    firsts = [delta for delta in deltas if "id" in delta]
    assert [(first["index"], first["type"], first["function"]["name"]) for first in firsts] == [
        (0, "function", "weather"),
        (1, "function", "now"),
    ]
    assert len({first["id"] for first in firsts}) == 2
    for index, (_, arguments) in enumerate(TWO):
        own = [delta["function"]["arguments"] for delta in deltas if delta["index"] == index]
        assert "".join(own) == arguments
        assert len(own) > 1


def test_a_long_call_is_read_in_time():
    """A token at its end costs the same as one at its beginning; the deadline is generous."""
    parser, began = ToolCalls(), time.monotonic()
    parser.add('<|tool_call|>[{"name": "write", "arguments": {"text": "')
    for _ in range(20_000):
        parser.add("words and ")
    parser.add('"}}]')
    assert time.monotonic() - began < 10


parts = st.sampled_from((TWO_CALLS, "<|tool_call|>", "[", '{"name": "now"', "}", "]", " a ", "<|", "<tool_call>"))


@given(split(st.lists(parts, max_size=5).map("".join)))
def test_any_split_gives_the_same(case):
    text, pieces = case
    assert parsed(pieces) == parsed([text])
