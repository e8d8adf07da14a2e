"""What constrains an answer is compiled in a process that it cannot take anything down with, at both APIs."""

import concurrent.futures
import json
import time

import pytest

from granite.engine.grammar import TOO_LARGE
from tests.predictions import answer, error_of
from tests.samples import FRANCE, GREEDY, MODEL

DEEP, LONG, MANY = 30_000, 9_000, 20_000


def described(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def tool(schema):
    return [{"type": "function", "function": {"name": "f", "parameters": schema}}]


def pattern(levels):
    return {"type": "object", "properties": {"a": {"type": "string", "pattern": "(" * levels + "a" + ")" * levels}}}


PATTERN = pattern(DEEP)
REFERENCES = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/0"}},
    "$defs": {str(number): {"$ref": f"#/$defs/{number + 1}"} for number in range(LONG)}
    | {str(LONG): {"type": "string"}},
}
VALUES = {"type": "object", "properties": {"a": {"enum": [f"{number} {'x' * 200}" for number in range(MANY)]}}}
OPTIONAL = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(4000)}}

REFUSED = {
    "pattern": ("response_format", {"response_format": described(PATTERN)}),
    "references": ("response_format", {"response_format": described(REFERENCES)}),
    "values": ("response_format", {"response_format": described(VALUES)}),
    "optional properties": ("response_format", {"response_format": described(OPTIONAL)}),
    "tool": ("tool_choice", {"tools": tool(pattern(3500)), "tool_choice": "required"}),
    "thinking": ("response_format", {"response_format": described(PATTERN), "thinking": True}),
}
"""Each crashed the server, or kept the engine's only thread for grammars busy for seconds or minutes."""


def refused(http, body):
    response = http.post("/v1/chat/completions", json={"model": MODEL, "messages": FRANCE, **GREEDY, **body})
    return response.status_code, response.json()["error"]["message"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ("pattern", "values") else pytest.mark.slow) for name in REFUSED]
)
def test_what_is_too_large_is_one_sentence_and_disturbs_nobody(cog, http, name):
    source, request = REFUSED[name]
    sentence = f"`{source}` {TOO_LARGE}"
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        error = threads.submit(error_of, cog, messages=FRANCE, **GREEDY, **request)
        while not error.done():
            begin = time.monotonic()
            assert answer(cog, prompt="Hi", sampling_params={"choice": ["yes", "no"]}, max_tokens=2) in ("yes", "no")
            assert time.monotonic() - begin < 20
        assert error.result() == f"InvalidInput: {sentence}"
    if "thinking" not in request:
        assert refused(http, request) == (400, sentence)
        assert refused(http, {"structured_outputs": {"json": PATTERN}}) == (400, f"`json` {TOO_LARGE}")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("regex", "(a", "regex"),
        ("grammar", "root ::= (", "EBNF parser error at line 1, column 11: Expect element, but got."),
        ("structural_tag", json.dumps({"type": "structural_tag", "format": {"type": "x"}}), "x"),
    ],
)
def test_what_is_wrong_is_one_sentence(cog, http, field, value, reason):
    error = error_of(cog, prompt="Hi", sampling_params={field: value})
    start = f"InvalidInput: `{field}` cannot be enforced by guided decoding: "
    assert error.startswith(start)
    assert reason in error
    assert "\n" not in error
    status, sentence = refused(http, {"structured_outputs": {field: value}})
    assert (status, f"InvalidInput: {sentence}") == (400, error)
