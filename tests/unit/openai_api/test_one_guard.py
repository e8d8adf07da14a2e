"""Whatever constrains an answer meets the same check, by whichever field of whichever API it comes."""

import pytest

from tests.fake_engine import FakeEngine
from tests.inputs import refusal
from tests.openai_app import HI, Client, app_of

SCHEMAS = {
    "`uniqueItems`": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    "`not`": {"not": {"type": "null"}},
    "`minimum` without type integer or number beside it": {"minimum": 3},
    "`required` with a name that `properties` does not have": {"type": "object", "required": ["zz"]},
    "a `$ref` to another document": {"$ref": "https://example.org/x.json"},
}


def described(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def tool(schema):
    return [{"type": "function", "function": {"name": "f", "parameters": schema}}]


COG = {
    "response_format": lambda schema: {"prompt": "x", "response_format": described(schema)},
    "response_format of a chat": lambda schema: {"messages": HI, "response_format": described(schema)},
    "sampling_params": lambda schema: {"prompt": "x", "sampling_params": {"json": schema}},
    "structured_outputs": lambda schema: {"prompt": "x", "sampling_params": {"structured_outputs": {"json": schema}}},
    "tools": lambda schema: {"messages": HI, "tools": tool(schema), "tool_choice": "required"},
}
OPENAI = {
    "chat, response_format": ("chat/completions", lambda schema: {"response_format": described(schema)}),
    "chat, structured_outputs": ("chat/completions", lambda schema: {"structured_outputs": {"json": schema}}),
    "chat, tools": ("chat/completions", lambda schema: {"tools": tool(schema), "tool_choice": "required"}),
    "completions, response_format": ("completions", lambda schema: {"response_format": described(schema)}),
    "completions, structured_outputs": ("completions", lambda schema: {"structured_outputs": {"json": schema}}),
    "responses, format": ("responses", lambda schema: {"text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}}),
    "responses, structured_outputs": ("responses", lambda schema: {"structured_outputs": {"json": schema}}),
    "responses, tools": (
        "responses",
        lambda schema: {"tools": [{"type": "function", "name": "f", "parameters": schema}], "tool_choice": "required"},
    ),
}  # fmt: skip


def words(sentence):
    """Without the path to the schema, which each way in has its own of."""
    return sentence.partition(" uses ")[2]


@pytest.mark.parametrize("found", SCHEMAS)
async def test_a_schema_is_refused_in_the_same_words_everywhere(found):
    engine = FakeEngine("x")
    client = Client(app_of(engine))
    said = {name: words(refusal(**request(SCHEMAS[found]))) for name, request in COG.items()}
    for name, (route, body) in OPENAI.items():
        status, sentence = await client.error(route, **body(SCHEMAS[found]))
        assert status == 400, name
        said[name] = words(sentence)
    assert len({*said.values()}) == 1, said
    assert said["tools"].startswith(f"{found}, which guided decoding cannot enforce; ")
    assert engine.requests == []


@pytest.mark.parametrize("name", ["temperature", "top_p", "min_tokens", "seed", "repetition_penalty"])
async def test_a_number_is_refused_in_the_same_words_at_both_apis(name):
    wrong = {"temperature": 0.001, "top_p": 0, "min_tokens": 999, "seed": -1, "repetition_penalty": 1e-40}[name]
    sentence = refusal(prompt="x", **{name: wrong})
    client = Client(app_of(FakeEngine("x")))
    beside = {"max_tokens": 512} if name == "min_tokens" else {}
    assert await client.error("completions", **{name: wrong}, **beside) == (400, sentence)
    assert await client.error("chat/completions", **{name: wrong}, **beside) == (400, sentence)
