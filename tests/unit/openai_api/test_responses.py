"""The answer of /v1/responses, by the types of OpenAI's own client."""

import json

import httpx2
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.both_apis import without_ids
from tests.fake_engine import FakeEngine
from tests.openai_app import CALLS, THOUGHTS, Client, app_of

EVENT = TypeAdapter(ResponseStreamEvent)
WEATHER = {"type": "function", "name": "weather", "description": None, "parameters": {"type": "object"}}
TOOLS = {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "weather"}}
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
    assert without_ids(parsed[-1].response.model_dump()) == without_ids(Response.model_validate(whole).model_dump())
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert items == events[-1]["response"]["output"]


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


async def test_citations_are_in_the_message():
    mark = '<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>'
    engine = FakeEngine(f"It rains.{mark}", '\n\n{"id": "citation"}\n1: "It rains."')
    grounded = {"documents": [{"text": "It rains."}], "citations": True}
    message = (await Client(app_of(engine)).post("responses", **grounded)).json()["output"][0]
    assert (message["content"][0]["text"], message["citations"][0]["doc_id"]) == ("It rains.", "1")
