"""Granite's tool calls as data, whatever the model writes."""

import pytest

from granite.output.stream_text import Scrubbed
from granite.output.tool_calls import ToolCalls
from tests import split

TWO_CALLS = '<|tool_call|>[{"name": "weather", "arguments": {"city": "Zürich \\"]"}}, {"name": "now", "arguments": {}}]'
TWO = [("weather", '{"city": "Zürich \\"]"}'), ("now", "{}")]
NOW = [("now", "{}")]


def parsed(pieces):
    """The content, and the name and arguments of each call."""
    whole = split.parsed(pieces, ToolCalls(), Scrubbed())
    return whole["content"], [tuple(call["function"].values()) for call in whole.get("tool_calls", [])]


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        # No call: content as it was written, but for control tokens and a marker that a stop text cuts.
        ("No tool is needed.", "No tool is needed.", []),
        ("<|tool_call|> I cannot.", " I cannot.", []),
        ("<|tool_call|>[]", "[]", []),
        ("<|tool_call|>[", "[", []),
        ('<|tool_call|>[{"name": "wea', '[{"name": "wea', []),
        ('<|tool_call|>[{"arguments": {}}]', '[{"arguments": {}}]', []),
        ('<|tool_call|>{"name": "now"}', '{"name": "now"}', []),
        ("In prose <tool_call> is a tag.", "In prose <tool_call> is a tag.", []),
        ("It is <|start_of_cite|>late<|end_of_text|>.", "It is late.", []),
        ("So. <|tool_c", "So. ", []),
        # Arguments as the model wrote them, whatever else is in the call.
        (TWO_CALLS, None, TWO),
        ('<|tool_call|> [ {"name" : "now" , "arguments" : { "a" : [1, {}] } } ] ', None, [("now", '{ "a" : [1, {}] }')]),
        ('<|tool_call|>[{"name": "now"}]', None, NOW),
        ('<|tool_call|>[{"name": "now", "arguments": null}]', None, NOW),
        ('<|tool_call|>[{"name": "now", "id": {"x": 7}, "arguments": {}, "x": [true]}]', None, NOW),
        ('<|tool_call|>[{"arguments": {"a": 1}, "name": "now"}]', None, [("now", '{"a": 1}')]),
        ('<|tool_call|>[{"name": "n\\u00f6w", "arguments": {"a": "\\u00f6 <tool_call> \\\\"}}]', None, [("nöw", '{"a": "\\u00f6 <tool_call> \\\\"}')]),
        ('<|tool_call|>[{"name": "now", "arguments": "{\\"a\\": 1}"}]', None, [("now", '{"a": 1}')]),
        ('<|tool_call|>[{"name": "now", "arguments": "abc"}]', None, [("now", '"abc"')]),
        ('<|tool_call|>[{"name": "now", "arguments": "[1]"}]', None, [("now", '"[1]"')]),
        ('<|tool_call|>[{"name": "now", "arguments": [1]}]', None, [("now", "[1]")]),
        # Markers and brackets.
        ('<tool_call>[{"name": "now", "arguments": {}}]', None, NOW),
        ('<|tool_call|><|tool_call|>[{"name": "now"}]', None, NOW),
        ('<|tool_call|>[{"name": "a"}]<|tool_call|>[{"name": "b"}]', None, [("a", "{}"), ("b", "{}")]),
        ('<|tool_call|>[{"name": "now" ]', None, NOW),
        ('<|tool_call|>[{"name": "a", "arguments": {"b": 1}] oops', " oops", [("a", '{"b": 1}')]),
        # A list that is cut, and text around one.
        ('<|tool_call|>[{"name": "now"', None, NOW),
        ('<|tool_call|>[{"name": "now", "arguments": {"city": "Zür', None, [("now", '{"city": "Zür')]),
        ('<|tool_call|>[{"name": "now", "arguments": {}}, {"name": "wea', ', {"name": "wea', NOW),
        ('<|tool_call|>[{"name": "now", "arguments": {}} oops', " oops", NOW),
        (f"Let me see. {TWO_CALLS} So.", "Let me see.  So.", TWO),
    ],
)  # fmt: skip
def test_content_and_calls(text, content, calls):
    assert parsed([text]) == parsed(text) == (content, calls)


def test_each_call_has_an_id_and_streams():
    """The name with the id first, then the arguments in pieces that make up the whole."""
    parser = ToolCalls()
    deltas = [call for piece in TWO_CALLS for call in parser.read(piece).tool_calls]
    firsts = [delta for delta in deltas if "id" in delta]
    assert [(first["index"], first["function"]["name"]) for first in firsts] == [(0, "weather"), (1, "now")]
    assert firsts[0]["id"] != firsts[1]["id"]
    own = [[delta["function"]["arguments"] for delta in deltas if delta["index"] == index] for index in (0, 1)]
    assert own == [list(arguments) for _, arguments in TWO]
