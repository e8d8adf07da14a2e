"""What constrains an answer."""

import json

import pytest

from granite.request.structured_output import Guide
from tests.inputs import refusal, request

ASK = [{"role": "user", "content": "Why?"}]
SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b"]}
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": SCHEMA}}]
OBJECT = {"response_format": {"type": "json_object"}}


def formatted(schema):
    json_schema = {"name": "x", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}


def further(**fields):
    return {"sampling_params": fields}


@pytest.mark.parametrize(
    ("given", "guide"),
    [
        ({"prompt": "Hi"}, None),
        ({"prompt": "Hi", "response_format": {"type": "text"}}, None),
        ({"messages": ASK, "tools": TOOLS}, None),
        ({"prompt": "Hi", **OBJECT}, Guide("json", {"type": "object"}, "response_format")),
        ({"prompt": "Hi", **formatted({})}, Guide("json", {}, "response_format")),
        ({"messages": ASK, "tools": TOOLS, "tool_choice": "none", **OBJECT}, Guide("json", {"type": "object"}, "response_format")),
        *(
            ({"prompt": "Hi", "thinking": name != "json", **further(**params)}, Guide(name, value, name))
            for name, value in {
                "json": SCHEMA, "regex": "[0-9]+", "choice": ["yes", "no"], "grammar": 'root ::= "a"', "structural_tag": "{}",
            }.items()
            for params in ({name: value}, {"structured_outputs": {name: value, "json_object": None}})
        ),
    ],
)  # fmt: skip
def test_what_constrains_an_answer(given, guide):
    """By vLLM's names in sampling_params, also inside structured_outputs."""
    assert request(**given).guide == guide


def test_properties_follow_required():
    """Cog sorts the keys of objects, and guided decoding writes properties in the order of the schema."""
    by_cog = json.loads(json.dumps(SCHEMA, sort_keys=True))
    for given in (formatted(by_cog), further(json=by_cog)):
        assert json.dumps(request(prompt="Hi", **given).guide.value) == json.dumps(SCHEMA)


@pytest.mark.parametrize("thinking", [{"thinking": True}, {"chat_template_kwargs": {"thinking": True}}])
def test_thoughts_are_free_and_the_response_is_not(thinking):
    answer = {"type": "json_schema", "json_schema": SCHEMA, "max_whitespace_cnt": 1}
    elements = [
        {"type": "tag", "begin": "<think>", "content": {"type": "any_text"}, "end": "</think>"},
        {"type": "tag", "begin": "<response>", "content": answer, "end": "</response>"},
    ]
    tag = {"type": "structural_tag", "format": {"type": "sequence", "elements": elements}}
    guide = request(prompt="Hi", **thinking, **formatted(SCHEMA)).guide
    assert guide == Guide("structural_tag", json.dumps(tag), "response_format")


TYPES = "`response_format.type` must be text, json_object or json_schema, got"
CITED = {"prompt": "", "messages": ASK, "documents": [{"text": "a"}], "citations": True}
CALLED = {"prompt": "", "messages": ASK, "tools": TOOLS, "tool_choice": "required"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"response_format": {"type": "yaml"}}, f"{TYPES} yaml."),
        ({"response_format": {"type": ["text"]}}, f"{TYPES} a list."),
        ({"response_format": {"schema": {}}}, "`response_format.type` is missing."),
        ({"response_format": {"type": "json_schema"}}, "`response_format.json_schema` is missing."),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "`response_format.json_schema.schema` is missing."),
        ({"response_format": {"type": "json_object", "schema": {}}}, "`response_format` has an unknown field `schema`; remove it."),
        (formatted({"items": {"uniqueItems": True}}), "`response_format.json_schema.schema` uses `uniqueItems`, which guided decoding cannot enforce; remove it."),
        (further(json={"not": {}}), "`sampling_params.json` uses `not`, which guided decoding cannot enforce; remove it."),
        ({"tools": TOOLS, **OBJECT}, "`response_format` cannot be combined with `tools` unless `tool_choice` is none."),
        (OBJECT | further(regex="a"), "`response_format` and `regex` both constrain the output; use one."),
        (further(regex="a", choice=["a"]), "`regex` and `choice` both constrain the output; use one."),
        (CALLED | {"stop": ["a"]}, "`stop` could cut off the call that `tool_choice` forces; remove it."),
        (CALLED | further(regex="a"), "`tool_choice` and `regex` both constrain the output; use one."),
        (OBJECT | further(allowed_token_ids=[5]), "`allowed_token_ids` cannot be combined with `response_format`; remove one of them."),
        (further(regex="a", stop_token_ids=[5]), "`stop_token_ids` cannot be combined with `regex`; remove one of them."),
        (CITED | OBJECT, "`response_format` cannot be combined with `citations` or `hallucinations`; remove it."),
        (CITED | CALLED, "`tool_choice` cannot be combined with `citations` or `hallucinations`; remove it."),
        (further(regex=""), "`sampling_params.regex` must not be empty."),
        (further(grammar=5), "`sampling_params.grammar` must be a text, got 5."),
        (further(choice="yes"), "`sampling_params.choice` must be a list, got yes."),
        (further(choice=["yes", 0]), "`sampling_params.choice[1]` must be a text, got 0."),
        (further(json="{}"), "`sampling_params.json` must be an object, got {}."),
    ],
)  # fmt: skip
def test_a_wrong_constraint_is_one_sentence(given, sentence):
    assert refusal(**{"prompt": "Hi"} | given) == sentence
