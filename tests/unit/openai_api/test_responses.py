"""/v1/responses: a body in a chat's terms, and the answer by the types of OpenAI's own client."""

import json

import httpx2
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from granite.output.answer import Delta
from granite.request import control_tokens
from tests import inputs
from tests.fake_engine import FakeEngine
from tests.openai_app import CALLS, THOUGHTS, Client, app_of, token

EVENT = TypeAdapter(ResponseStreamEvent)
WEATHER = {"type": "function", "name": "weather", "description": None, "parameters": {"type": "object"}}
TOOLS = {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "weather"}}
TOKEN = token("a")
BEGIN, DONE = ["created", "in_progress"], ["content_part.done", "output_item.done"]
MESSAGE = ["output_item.added", "content_part.added"]
ARGUMENTS = "function_call_arguments"
CASES = {
    "a text": (("Par", "is."), {}, [*BEGIN, *MESSAGE, *["output_text.delta"] * 2, "output_text.done", *DONE, "completed"]),
    "nothing": ((), {}, [*BEGIN, *MESSAGE, "output_text.done", *DONE, "completed"]),
    "thoughts": (
        THOUGHTS,
        {"thinking": True},
        [
            *(*BEGIN, *MESSAGE, *["reasoning_text.delta"] * 2, "reasoning_text.done", *DONE),
            *(*MESSAGE, "output_text.delta", "output_text.done", *DONE, "completed"),
        ],
    ),
    "calls": (
        ("\n", CALLS),
        TOOLS,
        [*BEGIN, *["output_item.added", f"{ARGUMENTS}.delta", f"{ARGUMENTS}.done", "output_item.done"] * 2, "completed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_a_stream_has_openais_events_in_openais_order(name):
    """Numbered from 0, named by their type; the last carries the whole response, which is also the answer unstreamed."""
    script, body, types = CASES[name]
    client = Client(app_of(FakeEngine(*script)))
    stream = await client.post("responses", stream=True, **body)
    names = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event: ")]
    events = await client.events("responses", **body)
    assert [event["type"] for event in events] == names == [f"response.{each}" for each in types]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    parsed = [EVENT.validate_python(event) for event in events]
    whole = (await client.post("responses", **body)).json()
    assert Response.model_validate(whole)
    assert plain(parsed[-1].response.model_dump()) == plain(Response.model_validate(whole).model_dump())
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert items == events[-1]["response"]["output"]


def plain(value):
    """Without random ids and times."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in ("id", "call_id", "created_at")}
    return [plain(each) for each in value] if isinstance(value, list) else value


async def test_openais_client_reads_the_answers():
    """Its helpers rebuild the response from the events."""

    class City(BaseModel):
        name: str

    def client(*script, **options):
        app = app_of(FakeEngine(*script, **options), key="secret")
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))
        return openai.AsyncOpenAI(base_url="http://granite/v1", api_key="secret", http_client=http, max_retries=0)

    ask = {"model": "granite", "input": "Hi."}
    async with client(*THOUGHTS).responses.stream(**ask, extra_body={"thinking": True}) as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert ("".join(deltas), final.output_text, final.output[0].content[0].text) == ("Paris.", "Paris.", "Hm.")
    called = await client(CALLS).responses.create(**ask, **TOOLS)
    assert [json.loads(item.arguments) for item in called.output if item.name == "weather"] == [{"city": "Paris"}, {}]
    book = await client('{"name": "Paris"}').responses.parse(**ask, text_format=City)
    assert book.output_parsed == City(name="Paris")
    cut = await client("Par", finish="length").responses.create(**ask, max_output_tokens=1)
    assert (cut.status, cut.output[0].status) == ("incomplete", "incomplete")
    assert cut.incomplete_details.reason == "max_output_tokens"
    assert (cut.usage.output_tokens, cut.max_output_tokens) == (1, 1)


async def test_log_probabilities_and_grounding_stand_in_the_message():
    engine = FakeEngine(Delta("a", 1, None, (TOKEN,)), Delta("a", 1, None, (TOKEN,)))
    body = {"include": ["message.output_text.logprobs", "reasoning.encrypted_content"], "top_logprobs": 1}
    whole = (await Client(app_of(engine)).post("responses", **body)).json()
    assert whole["output"][0]["content"][0]["logprobs"] == [TOKEN, TOKEN]
    assert engine.requests[0].sampling["logprobs"] == 1
    mark = '<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>'
    engine = FakeEngine(f"It rains.{mark}", '\n\n{"id": "citation"}\n1: "It rains."')
    grounded = {"documents": [{"text": "It rains."}], "citations": True}
    message = (await Client(app_of(engine)).post("responses", **grounded)).json()["output"][0]
    assert (message["content"][0]["text"], message["citations"][0]["doc_id"]) == ("It rains.", "1")


async def test_items_become_messages():
    """Texts under other names, calls of one turn together; an earlier answer's thoughts are dropped."""
    engine = FakeEngine("x")
    calls = [{"type": "function_call", "call_id": each, "name": "f", "arguments": "{}"} for each in "12"]
    body = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather?"},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
            *calls,
            {"type": "function_call_output", "call_id": "1", "output": "Rain."},
            {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "Noon."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]},
        ],
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "medium"},
        "tools": [WEATHER], "tool_choice": "none", "max_output_tokens": 7, "store": True, "truncation": "disabled",
    }  # fmt: skip
    assert (await Client(app_of(engine)).post("responses", **body)).status_code == 200
    called = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in "12"]
    got = engine.requests[0].inputs
    assert got.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": called},
        {"role": "tool", "tool_call_id": "1", "content": "Rain."},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "Noon."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It rains."}]},
    ]
    function = {key: value for key, value in WEATHER.items() if key != "type"}
    assert got.tools == [{"type": "function", "function": function}]
    assert got.response_format == {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert (got.tool_choice, got.max_tokens) == ("none", 7)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"input": None}, "`input` is missing; give a text or a list of items."),
        ({"input": ["x"]}, "`input[0]` must be a message, a function call or its output, got x."),
        ({"input": [{"type": "web_search_call"}]}, "`input[0]` must be a message, a function call or its output, got `web_search_call`."),
        ({"input": 5}, inputs.refusal(messages=[{"role": "user", "content": 5}])),
        ({"input": control_tokens.CONTROL_TOKENS[0]}, inputs.refusal(messages=[{"role": "user", "content": control_tokens.CONTROL_TOKENS[0]}])),
        ({"tools": [{"type": "web_search"}]}, inputs.refusal(messages=[{"role": "user", "content": "x"}], tools=[{"type": "web_search"}])),
        ({"reasoning": {"effort": "high"}}, "`reasoning` is not supported on this route; remove it."),
        ({"previous_response_id": "x"}, "`previous_response_id` is not supported on this route; remove it."),
        ({"background": True}, "`background` is not supported on this route; remove it."),
        ({"truncation": "auto"}, "`truncation` is not supported on this route; remove it."),
        ({"max_tokens": 8}, "`max_tokens` is not supported on this route; did you mean `max_output_tokens`?"),
        ({"response_format": {"type": "text"}}, "`response_format` is not supported on this route; remove it."),
        ({"n": 2}, "`n` is not supported on this route; remove it."),
        ({"text": "x"}, "`text` must be an object, got x."),
        ({"text": {"verbosity": "low"}}, "`text` has an unknown field `verbosity`; remove it."),
        ({"include": "x"}, "`include` must be a list, got x."),
    ],
)  # fmt: skip
async def test_a_mistake_is_one_sentence(body, sentence):
    assert await Client(app_of(FakeEngine("x"))).error("responses", **body) == (400, sentence)
