"""Tools, and which of them the model may or must call."""

import json

import pytest

from granite.request.key_order import restored
from tests.inputs import refusal, request

ASK = [{"role": "user", "content": "Why?"}]
PARAMETERS = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b"]}


def tool(name, **function):
    return {"type": "function", "function": {"name": name, **function}}


NAMED = tool("now")
TOOLS = [tool("now", parameters=PARAMETERS), tool("then")]


@pytest.mark.parametrize(
    ("choice", "functions"),
    [
        (None, set()),
        ("auto", set()),
        ("none", set()),
        ("required", {"now", "then"}),
        (NAMED, {"now"}),
        (json.dumps(NAMED), {"now"}),
    ],
)
def test_tool_choice(choice, functions):
    """A named function is an object or its JSON text, which is how langchain-replicate sends it."""
    tools = request(messages=ASK, tools=TOOLS, tool_choice=choice).conversation.tools
    assert (tools.forced, tools.callable) == (functions, choice != "none")


def sequence(*elements):
    return {"type": "sequence", "elements": list(elements)}


def const(text):
    return {"type": "const_string", "value": text}


def called(name, schema):
    arguments = {"type": "json_schema", "json_schema": schema, "max_whitespace_cnt": 1}
    return sequence(const(f'{{"name": "{name}", "arguments": '), arguments, const("}"))


NOW, THEN = called("now", PARAMETERS), called("then", {"type": "object"})
EITHER = {"type": "or", "elements": [NOW, THEN]}
MORE = {"type": "repeat", "min": 0, "max": 3, "content": sequence(const(", "), EITHER)}


@pytest.mark.parametrize(
    ("choice", "calls"), [(NAMED, [{"type": "or", "elements": [NOW]}]), ("required", [EITHER, MORE])]
)
def test_a_forced_call_is_a_structural_tag(choice, calls):
    """One call of a named function; of any function, up to a bound. Without parameters any object will do."""
    guide = request(messages=ASK, tools=TOOLS, tool_choice=choice).guide
    form = sequence({"type": "token", "token": 49154}, const("["), *calls, const("]"))
    tag = {"type": "structural_tag", "format": form}
    assert (guide.field, guide.value, guide.source) == ("structural_tag", json.dumps(tag), "tool_choice")


def test_tools_beside_a_prompt_need_no_parser():
    """`stream` changes nothing there: langchain-replicate sends it with every prompt."""
    made = request(prompt="Hi", tools=TOOLS, stream=True)
    assert (made.conversation.tools.definitions, made.chat, made.parsed) == (tuple(TOOLS), False, False)


@pytest.mark.parametrize(
    "given",
    [
        tool("now", description="x", parameters=PARAMETERS, strict=True),
        PARAMETERS,
        {"$defs": {"z": {"type": "string", "description": "d"}}},
        {"allOf": [{"properties": {"b": {}, "a": {"enum": [{"a": 2, "type": 1}]}}, "required": ["b", "a"]}]},
        {"type": "object", "properties": {"a": {}, "b": {}}, "required": [7]},
    ],
)
def test_the_order_that_people_write_is_restored(given):
    """Cog sorts the keys of objects; what holds values and not schemas stays as it is."""
    by_cog = json.loads(json.dumps(given, sort_keys=True))
    assert json.dumps(restored(by_cog)) == json.dumps(given)


CHOICES = '`tool_choice` must be auto, none, required or {"type": "function", "function": {"name": …}}, got'


@pytest.mark.parametrize(
    ("tools", "choice", "sentence"),
    [
        ([7], None, "`tools[0]` must be an object, got 7."),
        ([{"name": "now"}], None, "`tools[0].function` is missing."),
        ([{"type": "retrieval"}], None, "`tools[0].type` must be function, got retrieval."),
        ([tool("")], None, "`tools[0].function.name` must not be empty."),
        ([tool(["a"]), tool("now")], "required", "`tools[0].function.name` must be a text, got a list."),
        ([tool("now"), tool("a"), tool("now")], None, "Two tools are named `now`; names must be unique."),
        ([tool("now", parameters=[1])], "required", "`tools[0].function.parameters` must be an object, got a list."),
        ([], "auto", "`tool_choice` requires `tools`."),
        (TOOLS, "sometimes", f"{CHOICES} sometimes."),
        (TOOLS, {"name": "now"}, f"{CHOICES} an object."),
        (TOOLS, tool(""), f"{CHOICES} an object."),
        (TOOLS, ["auto"], f"{CHOICES} a list."),
        (TOOLS, "[" * 200_000, f"{CHOICES} a text of 200000 characters."),
        (TOOLS, tool("when"), "`tool_choice` names the function `when`, which `tools` does not have."),
        ([tool("odd", parameters={"properties": {"a": {"uniqueItems": True}}})], "required", "`tools[0].function.parameters` uses `uniqueItems`, which guided decoding cannot enforce; remove it."),
    ],
)  # fmt: skip
def test_a_wrong_tool_or_choice_is_one_sentence(tools, choice, sentence):
    assert refusal(messages=ASK, tools=tools, tool_choice=choice) == sentence


@pytest.mark.parametrize("choice", [None, NAMED])
def test_parameters_that_are_not_forced_may_use_any_keyword(choice):
    odd = tool("odd", parameters={"type": "object", "not": {}})
    assert request(messages=ASK, tools=[odd, NAMED], tool_choice=choice).conversation.tools.callable
