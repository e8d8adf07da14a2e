"""The table of what guided decoding does not enforce, held against the installed xgrammar."""

import json

import pytest
import xgrammar
from xgrammar.testing import _is_grammar_accept_string

from granite.errors import InvalidInput
from granite.request import json_schema
from granite.request.json_schema import ALONE, NEEDS_TYPE, NEVER

OBJECT, ARRAY, TEXT, WHOLE = ({"type": name} for name in ("object", "array", "string", "integer"))
A, B = {"a": WHOLE}, {"b": WHOLE}
NUMBERS = {**ARRAY, "items": WHOLE}


def accepts(schema, answer):
    """Whether guided decoding lets the answer pass, compiled as vLLM compiles it for this server."""
    separators = (",", ":")
    grammar = xgrammar.Grammar.from_json_schema(json.dumps(schema), any_whitespace=False, separators=separators)
    return _is_grammar_accept_string(grammar, json.dumps(answer, separators=separators))


NOT_ENFORCED = {
    "if": ({**WHOLE, "if": {"const": 1}, "then": {"const": 2}}, 1),
    "then": ({"if": {"const": 1}, "then": {"const": 2}}, 1),
    "else": ({"if": {"const": 1}, "else": {"const": 2}}, 3),
    "not": ({**TEXT, "not": {"const": "a"}}, "a"),
    "dependentRequired": ({**OBJECT, "properties": A | B, "dependentRequired": {"a": ["b"]}}, {"a": 1}),
    "dependentSchemas": ({**OBJECT, "properties": A | B, "dependentSchemas": {"a": {"minProperties": 2}}}, {"a": 1}),
    "dependencies": ({**OBJECT, "properties": A | B, "dependencies": {"a": ["b"]}}, {"a": 1}),
    "$anchor": ({"$ref": "#a", "$defs": {"x": {"$anchor": "a", **TEXT}}}, 1),
    "$dynamicRef": ({"$dynamicRef": "#/$defs/x", "$defs": {"x": TEXT}}, 1),
    "multipleOf": ({"type": "number", "multipleOf": 7}, 5),
    "uniqueItems": ({**NUMBERS, "uniqueItems": True}, [1, 1]),
    "contains": ({**NUMBERS, "contains": {"const": 1}}, [2]),
    "minContains": ({**NUMBERS, "contains": {"const": 1}, "minContains": 2}, [2, 2]),
    "maxContains": ({**NUMBERS, "contains": {"const": 1}, "maxContains": 1}, [1, 1]),
}
NOT_ENFORCED_WITHOUT_TYPE = {
    "minimum": ({"minimum": 5}, 1),
    "maximum": ({"maximum": 5}, 9),
    "exclusiveMinimum": ({"exclusiveMinimum": 5}, 5),
    "exclusiveMaximum": ({"exclusiveMaximum": 5}, 5),
    "minLength": ({"minLength": 3}, "a"),
    "maxLength": ({"maxLength": 1}, "abc"),
    "pattern": ({"pattern": "^b$"}, "a"),
    "format": ({"format": "date"}, "a"),
    "patternProperties": ({"patternProperties": {"^a$": WHOLE}}, {"a": "x"}),
    "propertyNames": ({"propertyNames": {"pattern": "^a$"}}, {"b": 1}),
}
NOT_ENFORCED_BESIDE = {
    "$ref": ({"$ref": "#/$defs/x", "enum": [1], "$defs": {"x": WHOLE}}, 2),
    "allOf": ({**WHOLE, "minimum": 5, "allOf": [WHOLE]}, 1),
    "anyOf": ({**WHOLE, "anyOf": [TEXT]}, "a"),
    "oneOf": ({**OBJECT, "properties": A, "required": ["a"], "oneOf": [{**OBJECT, "properties": B}]}, {"b": 1}),
}


def refusal(schema):
    with pytest.raises(InvalidInput) as caught:
        json_schema.check("x", schema)
    return str(caught.value)


def test_every_keyword_has_a_case():
    assert NOT_ENFORCED.keys() == set(NEVER)
    assert NOT_ENFORCED_WITHOUT_TYPE.keys() == NEEDS_TYPE.keys()
    assert NOT_ENFORCED_BESIDE.keys() == set(ALONE)


@pytest.mark.parametrize("keyword", NEVER)
def test_xgrammar_does_not_enforce(keyword):
    schema, wrong = NOT_ENFORCED[keyword]
    assert accepts(schema, wrong)
    assert "which guided decoding cannot enforce; remove it." in refusal(schema)


@pytest.mark.parametrize("keyword", NEEDS_TYPE)
def test_xgrammar_enforces_only_beside_a_type(keyword):
    schema, wrong = NOT_ENFORCED_WITHOUT_TYPE[keyword]
    types = NEEDS_TYPE[keyword]
    assert accepts(schema, wrong)
    assert refusal(schema) == (
        f"`x` uses `{keyword}` without type {' or '.join(types)} beside it, "
        "which guided decoding cannot enforce; add the type."
    )
    for name in types:
        assert not accepts({"type": name, **schema}, wrong)
        json_schema.check("x", {"type": [name, "null"], **schema})


@pytest.mark.parametrize("keyword", ALONE)
def test_xgrammar_enforces_nothing_beside(keyword):
    schema, wrong = NOT_ENFORCED_BESIDE[keyword]
    assert accepts(schema, wrong)
    assert f"beside `{keyword}`, which guided decoding cannot enforce; move it" in refusal(schema)


@pytest.mark.parametrize(
    ("schema", "wrong", "found"),
    [
        ({**OBJECT, "properties": A, "required": ["b"]}, {"a": 1}, "`required` with a name that `properties` does not have"),
        ({"required": ["b"]}, {}, "`required` with a name that `properties` does not have"),
        ({**TEXT, "enum": ["x", 1]}, 1, "`enum` with a value of another type than `type`"),
        ({**WHOLE, "enum": [True]}, True, "`enum` with a value of another type than `type`"),
        ({"$ref": "http://example.com/x.json"}, 1, "a `$ref` to another document"),
        ({**TEXT, "pattern": "^a+$", "minLength": 3}, "a", "`pattern` beside a length"),
        ({**TEXT, "format": "date", "maxLength": 3}, "2020-01-01", "`format` beside a length"),
    ],
)  # fmt: skip
def test_xgrammar_does_not_enforce_what_contradicts_itself(schema, wrong, found):
    assert accepts(schema, wrong)
    for whole in (schema, {**ARRAY, "items": {"properties": {"x": schema}}}, {"$defs": {"x": {"anyOf": [schema]}}}):
        assert refusal(whole).startswith(f"`x` uses {found}, which guided decoding cannot enforce; ")


@pytest.mark.parametrize("schema", [{"required": ["a"], "properties": 5}, {"required": [["a"]], "properties": {}}])
def test_a_schema_of_the_wrong_shape_is_one_sentence(schema):
    assert refusal(schema).startswith("`x` uses `required` with a name that `properties` does not have")


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": ["integer", "null"], "minimum": 0}, None, -1),
        ({**OBJECT, "properties": {"if": TEXT, "not": {"type": "null"}}, "required": ["if"]}, {"if": "a"}, {}),
        ({"$ref": "#/$defs/s", "description": "x", "$defs": {"s": {**TEXT, "pattern": "^a$"}}}, "a", "b"),
        ({**ARRAY, "uniqueItems": False, "items": {"enum": ["a", 1, None]}}, ["a", 1], ["b"]),
        ({**TEXT, "enum": ["a"], "default": {"if": 1}}, "a", "b"),
        ({"allOf": [TEXT], "title": "x"}, "a", 1),
        ({"oneOf": [TEXT, WHOLE], "discriminator": {"propertyName": "x"}}, "a", 1.5),
        ({"anyOf": [WHOLE, {"type": "null"}], "default": None}, None, "a"),
        ({**OBJECT, "anyOf": [{**OBJECT, "properties": A, "required": ["a"]}]}, {"a": 1}, {"b": 1}),
        ({**OBJECT, "properties": A, "unevaluatedProperties": TEXT}, {"a": 1, "b": "x"}, {"b": 1}),
        ({**ARRAY, "prefixItems": [WHOLE], "unevaluatedItems": False}, [1], [1, 2]),
    ],
)
def test_a_schema_that_is_enforced_passes(schema, right, wrong):
    """Whatever its properties are called."""
    json_schema.check("x", schema)
    assert (accepts(schema, right), accepts(schema, wrong)) == (True, False)
