"""What guides decoding, and the sampling that has no input of its own."""

import json

import pytest

from granite.request import structured_output as guide
from granite.request.conversation import Conversation
from granite.request.further_sampling import FurtherSampling
from granite.request.tools import MOST_CALLS
from tests import asked
from tests.asked import passed

ASK = [{"role": "user", "content": "Why?"}]
PARAMETERS = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b"]}
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": PARAMETERS}}]
NAMED = {"type": "function", "function": {"name": "now"}}


def refusal(guide):
    """An engine's: it takes all but one schema and one regular expression."""
    return "no." if guide in ({"json": {"type": "text"}}, {"regex": "("}) else None


def check(faults, inputs):
    conversation = Conversation.checked(faults, inputs, trust_template=False)
    return guide.checked(faults, inputs, conversation, FurtherSampling.checked(faults, inputs), refusal)


def schema_format(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def structure(made):
    return json.loads(made["structural_tag"])["format"]


def test_nothing_guides_a_plain_answer():
    """Nor one whose format is text, nor tools that may be left alone."""
    assert passed(check, prompt="Hi") is None
    assert passed(check, prompt="Hi", response_format={"type": "text"}) is None
    assert passed(check, messages=ASK, tools=TOOLS) is None


def test_a_response_format_is_a_schema():
    """Properties in the order of `required`: Cog sorts the keys of objects."""
    assert passed(check, prompt="Hi", response_format={"type": "json_object"}) == {"json": {"type": "object"}}
    made = passed(
        check, prompt="Hi", response_format=schema_format({"required": ["b"], "properties": {"a": {}, "b": {}}})
    )
    assert json.dumps(made) == '{"json": {"properties": {"b": {}, "a": {}}, "required": ["b"]}}'


def test_thoughts_are_free_where_a_response_has_a_format():
    """The tags stand around both."""
    made = passed(check, prompt="Hi", thinking=True, response_format=schema_format(PARAMETERS))
    assert structure(made) == {
        "type": "sequence",
        "elements": [
            {"type": "tag", "begin": "<think>", "content": {"type": "any_text"}, "end": "</think>"},
            {
                "type": "tag",
                "begin": "<response>",
                "content": {"type": "json_schema", "json_schema": PARAMETERS, "max_whitespace_cnt": 1},
                "end": "</response>",
            },
        ],
    }


CALL = {
    "type": "or",
    "elements": [
        {
            "type": "sequence",
            "elements": [
                {"type": "const_string", "value": '{"name": "now", "arguments": '},
                {"type": "json_schema", "json_schema": PARAMETERS, "max_whitespace_cnt": 1},
                {"type": "const_string", "value": "}"},
            ],
        }
    ],
}


def test_a_forced_call_is_in_granites_own_form():
    """One call of a named function; of a required one up to a bound."""
    begin = [{"type": "token", "token": 49154}, {"type": "const_string", "value": "["}]
    end = [{"type": "const_string", "value": "]"}]
    more = {"type": "sequence", "elements": [{"type": "const_string", "value": ", "}, CALL]}
    several = {"type": "repeat", "min": 0, "max": MOST_CALLS - 1, "content": more}
    named = structure(passed(check, messages=ASK, tools=TOOLS, tool_choice=NAMED))
    required = structure(passed(check, messages=ASK, tools=TOOLS, tool_choice="required"))
    assert named == {"type": "sequence", "elements": [*begin, CALL, *end]}
    assert required == {"type": "sequence", "elements": [*begin, CALL, several, *end]}
    assert json.dumps(PARAMETERS) in json.dumps(named)


@pytest.mark.parametrize(
    ("name", "value"),
    [("regex", "[0-9]+"), ("choice", ["yes", "no"]), ("grammar", 'root ::= "a"'), ("structural_tag", "{}")],
)
def test_other_guides_are_sampling_params(name, value):
    """By vLLM's names, also inside structured_outputs."""
    assert passed(check, prompt="Hi", sampling_params={name: value}) == {name: value}
    assert passed(check, prompt="Hi", sampling_params={"structured_outputs": {name: value}}) == {name: value}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"response_format": {"type": "yaml"}}, "response_format.type must be one of text, json_object, json_schema, got yaml."),
        ({"response_format": {}}, "response_format.type must be one of text, json_object, json_schema, got null."),
        (
            {"response_format": {"type": "json_schema"}},
            'response_format.json_schema must be {"name": …, "schema": …} with a JSON schema in it.',
        ),
        (
            {"response_format": {"type": "json_object", "schema": {}}},
            "response_format holds schema, which type json_object does not have.",
        ),
        (
            {"response_format": schema_format({"type": "text"})},
            "response_format.json_schema.schema is not one that guided decoding can take: no.",
        ),
        (
            {"sampling_params": {"regex": "("}},
            "sampling_params.regex is not one that guided decoding can take: no.",
        ),
        (
            {"response_format": {"type": "json_object"}, "sampling_params": {"regex": "a"}},
            "response_format and regex each guide the answer: leave all but one out.",
        ),
        (
            {"sampling_params": {"regex": "a", "structured_outputs": {"regex": "b"}}},
            "sampling_params sets regex twice, also in structured_outputs: leave one out.",
        ),
        (
            {"response_format": {"type": "json_object"}, "sampling_params": {"allowed_token_ids": [5]}},
            "sampling_params.allowed_token_ids must be left out beside response_format.",
        ),
        (
            {"sampling_params": {"regex": "a", "stop_token_ids": [5]}},
            "sampling_params.stop_token_ids must be left out beside regex.",
        ),
        (
            {"sampling_params": {"regex": "a", "choice": ["a"]}},
            "regex and choice each guide the answer: leave all but one out.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_guide_is_one_sentence(given, sentence):
    """Before the engine generates anything."""
    assert asked.refused(check, prompt="Hi", **given) == sentence


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
@pytest.mark.parametrize("broken", [{"type": "x"}, {"function": {}}, {"function": {"name": "a", "parameters": [1]}}])
def test_a_broken_tool_is_its_own_fault_alone(choice, broken):
    """The call that is forced is looked at all the same."""
    sentence = asked.refused(check, messages=ASK, tools=[broken, *TOOLS], tool_choice=choice)
    assert sentence.startswith("tools[0]")
    assert sentence.count("tools[0]") == 1


def test_a_stop_text_could_cut_a_forced_call():
    """By either of its names."""
    given = {"messages": ASK, "tools": TOOLS, "tool_choice": "required"}
    for name, value in (("stop", ["a"]), ("stop_sequences", "a")):
        assert asked.refused(check, **given, **{name: value}) == (
            f"{name} must be left out beside a tool_choice that forces a call, which it could cut."
        )


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object", "required": ["b"], "properties": {"a": {}}}, "required names a property that properties does not have."),
        ({"minimum": 100}, "minimum is not enforced without type integer or number beside it."),
        ({"maxLength": 2}, "maxLength is not enforced without type string beside it."),
        ({"type": "integer", "multipleOf": 7}, "multipleOf is not enforced."),
        ({"type": "array", "uniqueItems": True}, "uniqueItems is not enforced."),
        ({"anyOf": [{"if": {"const": 1}, "then": {"const": 2}}]}, "if is not enforced."),
        ({"properties": {"a": {"not": {"type": "string"}}}}, "not is not enforced."),
        ({"$ref": "#/$defs/s", "maximum": 2}, "maximum is not enforced without type integer or number beside it."),
        ({"$ref": "#/$defs/s", "enum": [1]}, "enum is not enforced beside $ref."),
        ({"type": "integer", "allOf": [{"const": 3}]}, "type is not enforced beside allOf."),
        ({"$ref": "http://example.com/x.json"}, "$ref is followed only within the schema."),
        ({"type": "string", "enum": ["x", 1]}, "enum holds a value that is not of its type."),
        ({"type": "integer", "enum": [True]}, "enum holds a value that is not of its type."),
    ],
)  # fmt: skip
def test_a_schema_that_would_not_be_enforced_is_one_sentence(schema, reason):
    """xgrammar passes over these, and the answer is then wrong; also deep within a schema."""
    for whole in (schema, {"type": "array", "items": {"properties": {"x": schema}}}):
        assert asked.refused(check, prompt="Hi", response_format=schema_format(whole)) == (
            f"response_format.json_schema.schema is not one that guided decoding can take: {reason}"
        )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["integer", "null"], "minimum": 0},
        {"type": "object", "properties": {"if": {"type": "string"}, "not": {"type": "null"}}, "required": ["if"]},
        {"$ref": "#/$defs/s", "description": "x", "$defs": {"s": {"type": "string", "pattern": "a+"}}},
        {"type": "array", "uniqueItems": False, "items": {"enum": ["a", 1, None]}},
        {"type": "string", "enum": ["a"], "default": {"if": 1}},
        {"allOf": [{"type": "string"}], "title": "x"},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    ],
)
def test_a_schema_that_is_enforced_passes(schema):
    """Whatever its properties are called."""
    assert set(passed(check, prompt="Hi", response_format=schema_format(schema))) == {"json"}


def test_an_answer_with_lists_has_no_schema():
    """Citations stand behind it."""
    given = {"messages": ASK, "documents": [{"text": "a"}], "citations": True}
    assert asked.refused(check, response_format={"type": "json_object"}, **given) == (
        "response_format must be text beside citations and hallucinations, which are lists."
    )


def test_a_forced_tool_whose_schema_the_engine_refuses_is_one_sentence():
    """Only where its arguments are guided."""
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"type": "object"}}}
    given = {"messages": ASK, "tools": [odd]}
    assert passed(lambda *args: _refusing(*args), **given) is None
    assert asked.refused(lambda *args: _refusing(*args), **given, tool_choice="required") == (
        "The parameters of odd are not one that guided decoding can take: no."
    )


def _refusing(faults, inputs):
    conversation = Conversation.checked(faults, inputs, trust_template=False)
    return guide.checked(faults, inputs, conversation, FurtherSampling.checked(faults, inputs), lambda _: "no.")


def further(faults, inputs):
    made = FurtherSampling.checked(faults, inputs)
    return made.sampled, made.guide


def test_further_fields_by_vllms_names():
    """JSON's keys are texts, and 5.0 is 5."""
    given = {"logit_bias": {"7": -5, "8": 2.5}, "ignore_eos": True, "stop_token_ids": [5.0], "bad_words": ["a"]}
    made, guides = passed(further, prompt="Hi", sampling_params=given)
    assert made == {"logit_bias": {7: -5.0, 8: 2.5}, "ignore_eos": True, "stop_token_ids": [5], "bad_words": ["a"]}
    assert (guides, type(made["stop_token_ids"][0])) == ({}, int)


def test_a_null_sets_nothing():
    """It is vLLM's word for that."""
    given = {"stop_token_ids": None, "logit_bias": None, "regex": None, "structured_outputs": {"choice": None}}
    assert passed(further, prompt="Hi", sampling_params=given) == ({}, {})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"top_p": 0.5}, "sampling_params cannot set top_p: the input top_p does."),
        ({"max_tokens": 5}, "sampling_params cannot set max_tokens: the input max_tokens does."),
        ({"n": 2}, "sampling_params cannot set n: a request has one answer."),
        ({"json_object": True}, "sampling_params cannot set json_object: response_format does."),
        ({"logits_bias": {}}, "sampling_params cannot set logits_bias: did you mean logit_bias?"),
        ({"ignore_eos": "yes"}, "sampling_params.ignore_eos is refused: Input should be a valid boolean."),
        ({"logit_bias": {"a": 1}}, "sampling_params.logit_bias is refused: Input should be a valid integer."),
        (
            {"logit_bias": {"7": 500}},
            "sampling_params.logit_bias is refused: Input should be less than or equal to 100.",
        ),
        (
            {"allowed_token_ids": []},
            "sampling_params.allowed_token_ids is refused: List should have at least 1 item after validation, not 0.",
        ),
        (
            {"repetition_detection": {"max_pattern_size": 3, "min_count": 1}},
            "sampling_params.repetition_detection is refused: Input should be greater than or equal to 2.",
        ),
        (
            {"repetition_detection": {"max_pattern_size": 3, "min_pattern_size": 4, "min_count": 2}},
            "sampling_params.repetition_detection is refused: "
            "Value error, min_pattern_size must be at most max_pattern_size.",
        ),
        ({"structured_outputs": "a"}, "sampling_params.structured_outputs must be an object, got a."),
    ],
)
def test_a_field_that_cannot_be_set_is_one_sentence(given, sentence):
    """It says what does instead."""
    assert asked.refused(further, prompt="Hi", sampling_params=given) == sentence
