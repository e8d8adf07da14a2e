"""What constrains an answer."""

import json

import pytest

from granite.request.structured_output import Guide
from tests.inputs import refusal, request

ASK = [{"role": "user", "content": "Why?"}]
SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b"]}
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": SCHEMA}}]


def schema_format(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}


@pytest.mark.parametrize(
    ("given", "guide"),
    [
        ({"prompt": "Hi"}, None),
        ({"prompt": "Hi", "response_format": {"type": "text"}}, None),
        ({"messages": ASK, "tools": TOOLS}, None),
        ({"prompt": "Hi", "response_format": {"type": "json_object"}}, Guide("json", {"type": "object"}, "response_format")),
        ({"prompt": "Hi", "response_format": schema_format({})}, Guide("json", {}, "response_format")),
        ({"messages": ASK, "tools": TOOLS, "tool_choice": "none", "response_format": {"type": "json_object"}}, Guide("json", {"type": "object"}, "response_format")),
        *(
            ({"prompt": "Hi", "sampling_params": params, "thinking": name != "json"}, Guide(name, value, name))
            for name, value in {
                "json": SCHEMA, "regex": "[0-9]+", "choice": ["yes", "no"], "grammar": 'root ::= "a"', "structural_tag": "{}",
            }.items()
            for params in ({name: value}, {"structured_outputs": {name: value, "regex" if name != "regex" else "json": None}})
        ),
    ],
)  # fmt: skip
def test_what_constrains_an_answer(given, guide):
    """By vLLM's names in sampling_params, also inside structured_outputs."""
    assert request(**given).guide == guide


def test_properties_follow_required():
    """Cog sorts the keys of objects, and guided decoding writes properties in the order of the schema."""
    by_cog = json.loads(json.dumps(SCHEMA, sort_keys=True))
    for given in ({"response_format": schema_format(by_cog)}, {"sampling_params": {"json": by_cog}}):
        assert json.dumps(request(prompt="Hi", **given).guide.value) == json.dumps(SCHEMA)


@pytest.mark.parametrize(
    "given",
    [
        {"thinking": True, "response_format": schema_format(SCHEMA)},
        {"chat_template_kwargs": {"thinking": True}, "response_format": schema_format(SCHEMA)},
    ],
)
def test_thoughts_are_free_and_the_response_is_not(given):
    answer = {"type": "json_schema", "json_schema": SCHEMA, "max_whitespace_cnt": 1}
    elements = [
        {"type": "tag", "begin": "<think>", "content": {"type": "any_text"}, "end": "</think>"},
        {"type": "tag", "begin": "<response>", "content": answer, "end": "</response>"},
    ]
    guide = request(prompt="Hi", **given).guide
    assert (guide.field, guide.source) == ("structural_tag", "response_format")
    assert json.loads(guide.value) == {
        "type": "structural_tag",
        "format": {"type": "sequence", "elements": elements},
    }


TYPES = "`response_format.type` must be text, json_object or json_schema, got"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"response_format": {"type": "yaml"}}, f"{TYPES} yaml."),
        ({"response_format": {"type": ["text"]}}, f"{TYPES} a list."),
        ({"response_format": {}}, "`response_format.type` is missing."),
        ({"response_format": {"type": "json_schema"}}, "`response_format.json_schema` is missing."),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "`response_format.json_schema.schema` is missing."),
        ({"response_format": schema_format(True)}, "`response_format.json_schema.schema` must be an object, got true."),
        ({"response_format": {"type": "json_object", "schema": {}}}, "`response_format` has an unknown field `schema`; remove it."),
        ({"response_format": schema_format({"items": {"uniqueItems": True}})}, "`response_format.json_schema.schema` uses `uniqueItems`, which guided decoding cannot enforce; remove it."),
        ({"sampling_params": {"json": {"not": {}}}}, "`sampling_params.json` uses `not`, which guided decoding cannot enforce; remove it."),
        ({"response_format": {"type": "json_object"}, "sampling_params": {"regex": "a"}}, "`response_format` and `regex` both constrain the output; use one."),
        ({"sampling_params": {"regex": "a", "choice": ["a"]}}, "`regex` and `choice` both constrain the output; use one."),
        ({"response_format": {"type": "json_object"}, "sampling_params": {"allowed_token_ids": [5]}}, "`allowed_token_ids` cannot be combined with `response_format`; remove one of them."),
        ({"sampling_params": {"regex": "a", "stop_token_ids": [5]}}, "`stop_token_ids` cannot be combined with `regex`; remove one of them."),
        ({"sampling_params": {"regex": ""}}, "`sampling_params.regex` must not be empty."),
        ({"sampling_params": {"grammar": 5}}, "`sampling_params.grammar` must be a text, got 5."),
        ({"sampling_params": {"choice": "yes"}}, "`sampling_params.choice` must be a list, got yes."),
        ({"sampling_params": {"choice": ["yes", 0]}}, "`sampling_params.choice[1]` must be a text, got 0."),
        ({"sampling_params": {"json": "{}"}}, "`sampling_params.json` must be an object, got {}."),
    ],
)  # fmt: skip
def test_a_wrong_constraint_is_one_sentence(given, sentence):
    assert refusal(prompt="Hi", **given) == sentence


@pytest.mark.parametrize("given", [{"messages": ASK}, {"prompt": "Hi"}])
def test_a_schema_would_rule_out_calls(given):
    assert refusal(**given, tools=TOOLS, response_format={"type": "json_object"}) == (
        "`response_format` cannot be combined with `tools` unless `tool_choice` is none: it would rule out calls."
    )


def test_a_forced_call_is_a_constraint_like_others():
    sentence = refusal(messages=ASK, tools=TOOLS, tool_choice="required", sampling_params={"regex": "a"})
    assert sentence == "`tool_choice` and `regex` both constrain the output; use one."
