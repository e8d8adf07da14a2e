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
AB, NUMBERS = {**OBJECT, "properties": A | B}, {**ARRAY, "items": WHOLE}
UNKNOWN = "`required` with a name that `properties` does not have"
OTHER_TYPE = "`enum` with a value of another type than `type`"


def accepts(schema, answer):
    """Whether guided decoding lets the answer pass, compiled as vLLM compiles it for this server."""
    separators = (",", ":")
    grammar = xgrammar.Grammar.from_json_schema(json.dumps(schema), any_whitespace=False, separators=separators)
    return _is_grammar_accept_string(grammar, json.dumps(answer, separators=separators))


WITHOUT_TYPE = {
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
CASES = [
    ("`if`", {**WHOLE, "if": {"const": 1}, "then": {"const": 2}}, 1),
    ("`not`", {**TEXT, "not": {"const": "a"}}, "a"),
    ("`dependentRequired`", {**AB, "dependentRequired": {"a": ["b"]}}, {"a": 1}),
    ("`dependentSchemas`", {**AB, "dependentSchemas": {"a": {"minProperties": 2}}}, {"a": 1}),
    ("`dependencies`", {**AB, "dependencies": {"a": ["b"]}}, {"a": 1}),
    ("`$anchor`", {"$ref": "#a", "$defs": {"x": {"$anchor": "a", **TEXT}}}, 1),
    ("`$dynamicRef`", {"$dynamicRef": "#/$defs/x", "$defs": {"x": TEXT}}, 1),
    ("`multipleOf`", {"type": "number", "multipleOf": 7}, 5),
    ("`uniqueItems`", {**NUMBERS, "uniqueItems": True}, [1, 1]),
    ("`contains`", {**NUMBERS, "contains": {"const": 1}}, [2]),
    *(
        (f"`{name}` without type {' or '.join(NEEDS_TYPE[name])} beside it", *case)
        for name, case in WITHOUT_TYPE.items()
    ),
    ("`enum` beside `$ref`", {"$ref": "#/$defs/x", "enum": [1], "$defs": {"x": WHOLE}}, 2),
    ("`minimum` beside `allOf`", {**WHOLE, "minimum": 5, "allOf": [WHOLE]}, 1),
    ("`type` beside `anyOf`", {**WHOLE, "anyOf": [TEXT]}, "a"),
    (
        "`properties` beside `oneOf`",
        {**OBJECT, "properties": A, "required": ["a"], "oneOf": [{**OBJECT, "properties": B}]},
        {"b": 1},
    ),
    (UNKNOWN, {**OBJECT, "properties": A, "required": ["b"]}, {"a": 1}),
    (UNKNOWN, {"required": ["b"]}, {}),
    (OTHER_TYPE, {**TEXT, "enum": ["x", 1]}, 1),
    (OTHER_TYPE, {**WHOLE, "enum": [True]}, True),
    ("a `$ref` to another document", {"$ref": "http://example.com/x.json"}, 1),
    ("`pattern` beside a length", {**TEXT, "pattern": "^a+$", "minLength": 3}, "a"),
    ("`format` beside a length", {**TEXT, "format": "date", "maxLength": 3}, "2020-01-01"),
]


def test_every_keyword_has_a_case():
    found = [found for found, _, _ in CASES]
    assert {f"`{name}`" for name in NEVER} < set(found)
    assert NEEDS_TYPE.keys() == WITHOUT_TYPE.keys()
    assert [name for name in ALONE if not any(each.endswith(f"beside `{name}`") for each in found)] == []


@pytest.mark.parametrize(("found", "schema", "wrong"), CASES)
def test_what_xgrammar_does_not_enforce_is_refused_at_any_depth(found, schema, wrong):
    assert accepts(schema, wrong)
    for whole in (schema, {**ARRAY, "items": {"properties": {"x": schema}}}, {"$defs": {"x": {"anyOf": [schema]}}}):
        with pytest.raises(InvalidInput) as caught:
            json_schema.check("x", whole)
        assert str(caught.value).startswith(f"`x` uses {found}, which guided decoding cannot enforce; ")


@pytest.mark.parametrize(("keyword", "types"), NEEDS_TYPE.items())
def test_xgrammar_enforces_beside_a_type(keyword, types):
    schema, wrong = WITHOUT_TYPE[keyword]
    for name in types:
        assert not accepts({"type": name, **schema}, wrong)
        json_schema.check("x", {"type": [name, "null"], **schema})


@pytest.mark.parametrize("schema", [{"required": ["a"], "properties": 5}, {"required": [["a"]], "properties": {}}])
def test_a_schema_of_the_wrong_shape_is_refused(schema):
    with pytest.raises(InvalidInput, match=UNKNOWN):
        json_schema.check("x", schema)


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
