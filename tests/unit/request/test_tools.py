"""Tools, and which of them the model may or must call."""

import json

import pytest

from granite.request.key_order import of_schema
from granite.request.tools import MAX_CALLS
from tests.inputs import refusal, request

ASK = [{"role": "user", "content": "Why?"}]
PARAMETERS = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b"]}
NAMED = {"type": "function", "function": {"name": "now"}}


def tool(name, **function):
    return {"type": "function", "function": {"name": name, **function}}


TOOLS = [tool("now", parameters=PARAMETERS), tool("then")]


@pytest.mark.parametrize(
    ("choice", "functions"),
    [
        (None, set()),
        ("auto", set()),
        ("none", set()),
        ("required", {"now", "then"}),
        (NAMED, {"now"}),
        ('{"type":"function","function":{"name":"now"}}', {"now"}),
    ],
)
def test_tool_choice(choice, functions):
    """A named function is an object or its JSON text, which is how langchain-replicate sends it."""
    tools = request(messages=ASK, tools=TOOLS, tool_choice=choice).conversation.tools
    assert (tools.forced, tools.callable) == (functions, choice != "none")


def of(name, schema):
    return {
        "type": "sequence",
        "elements": [
            {"type": "const_string", "value": f'{{"name": "{name}", "arguments": '},
            {"type": "json_schema", "json_schema": schema, "max_whitespace_cnt": 1},
            {"type": "const_string", "value": "}"},
        ],
    }


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_a_forced_call_is_a_structural_tag(choice):
    """One call of a named function; of any function, up to a bound. Without parameters any object will do."""
    begin = [{"type": "token", "token": 49154}, {"type": "const_string", "value": "["}]
    calls = [of("now", PARAMETERS), *([of("then", {"type": "object"})] if choice == "required" else [])]
    call = {"type": "or", "elements": calls}
    more = {"type": "sequence", "elements": [{"type": "const_string", "value": ", "}, call]}
    repeat = [{"type": "repeat", "min": 0, "max": MAX_CALLS - 1, "content": more}] if choice == "required" else []
    guide = request(messages=ASK, tools=TOOLS, tool_choice=choice).guide
    elements = [*begin, call, *repeat, {"type": "const_string", "value": "]"}]
    assert json.loads(guide.value) == {"type": "structural_tag", "format": {"type": "sequence", "elements": elements}}
    assert (guide.field, guide.source, MAX_CALLS) == ("structural_tag", "tools", 4)
    assert json.dumps(PARAMETERS) in guide.value


def test_a_call_that_tool_choice_rules_out_gets_a_bias():
    """Beside the caller's own."""
    given = {"messages": ASK, "tools": TOOLS, "sampling_params": {"logit_bias": {"7": 1, "49154": 5}}}
    assert request(**given, tool_choice="none").sampling["logit_bias"] == {"7": 1, "49154": -100.0}
    assert request(**given, tool_choice="auto").sampling["logit_bias"] == {"7": 1, "49154": 5}
    assert "logit_bias" not in request(messages=ASK).sampling


def test_a_tool_keeps_the_order_that_people_write():
    """Cog sorts the keys of objects; properties follow `required`."""
    sorted_by_cog = json.loads(
        json.dumps([tool("now", description="x", strict=True, parameters=PARAMETERS)], sort_keys=True)
    )
    (restored,) = request(messages=ASK, tools=sorted_by_cog).conversation.tools.definitions
    function = {"name": "now", "description": "x", "parameters": PARAMETERS, "strict": True}
    assert json.dumps(restored) == json.dumps({"type": "function", "function": function})


def test_the_order_of_a_schema_is_restored_at_every_depth():
    """What holds values and not schemas stays as it is."""
    schema = {
        "$defs": {"z": {"description": "d", "type": "string"}},
        "allOf": [{"required": ["b", "a"], "properties": {"a": {"enum": [{"type": 1, "a": 2}]}, "b": {}}}],
        "required": [7],
        "properties": {"b": {}, "a": {}},
        "type": "object",
    }
    assert json.dumps(of_schema(schema)) == json.dumps(
        {
            "type": "object",
            "properties": {"b": {}, "a": {}},
            "required": [7],
            "$defs": {"z": {"type": "string", "description": "d"}},
            "allOf": [{"properties": {"b": {}, "a": {"enum": [{"type": 1, "a": 2}]}}, "required": ["b", "a"]}],
        }
    )


CHOICES = (
    "`tool_choice` must be auto, none, required or a named function such as "
    '{"type": "function", "function": {"name": "get_weather"}}, got'
)


@pytest.mark.parametrize(
    ("tools", "choice", "sentence"),
    [
        ([7], None, "`tools[0]` must be an object, got 7."),
        ([{"type": "function", "function": {}}], None, "`tools[0].function.name` is missing."),
        ([{"name": "now"}], None, "`tools[0].function` is missing."),
        ([{"type": "retrieval"}], None, "`tools[0].type` must be function, got retrieval."),
        ([tool("")], None, "`tools[0].function.name` must not be empty."),
        ([tool(["a"]), tool("now")], "required", "`tools[0].function.name` must be a text, got a list."),
        ([tool("now"), tool("a"), tool("now")], None, "Two tools are named `now`; names must be unique."),
        ([tool("now", parameters="none")], None, "`tools[0].function.parameters` must be an object, got none."),
        ([tool("now", parameters={"type": "x"})], None, "`tools[0].function.parameters.type` must be object, got x."),
        ([tool("now", parameters=[1])], "required", "`tools[0].function.parameters` must be an object, got a list."),
        ([], "auto", "`tool_choice` requires `tools`."),
        (TOOLS, "sometimes", f"{CHOICES} sometimes."),
        (TOOLS, {"name": "now"}, f"{CHOICES} an object."),
        (TOOLS, {"type": "function", "function": {"name": ""}}, f"{CHOICES} an object."),
        (TOOLS, ["auto"], f"{CHOICES} a list."),
        (TOOLS, "[" * 200_000, f"{CHOICES} a text of 200000 characters."),
        (TOOLS, tool("when"), "`tool_choice` names the function `when`, which `tools` does not have."),
        ([tool("odd", parameters={"properties": {"a": {"uniqueItems": True}}})], "required", "`tools[0].function.parameters` uses `uniqueItems`, which guided decoding cannot enforce; remove it."),
    ],
)  # fmt: skip
def test_a_wrong_tool_or_choice_is_one_sentence(tools, choice, sentence):
    assert refusal(messages=ASK, tools=tools, tool_choice=choice) == sentence


def test_parameters_that_are_not_forced_may_use_any_keyword():
    odd = tool("odd", parameters={"type": "object", "not": {}})
    assert request(messages=ASK, tools=[odd]).guide is None
    assert request(messages=ASK, tools=[odd, tool("now")], tool_choice=NAMED).guide.field == "structural_tag"


@pytest.mark.parametrize(("name", "value"), [("stop", ["a"]), ("stop_sequences", "a")])
def test_a_stop_text_could_cut_off_a_forced_call(name, value):
    given = {"messages": ASK, "tools": TOOLS, name: value}
    assert request(**given, tool_choice="auto").sampling["stop"] == ["a"]
    assert refusal(**given, tool_choice="required") == (
        f"`{name}` could cut off the call that `tool_choice` forces; remove it."
    )
