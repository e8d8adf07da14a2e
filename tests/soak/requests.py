"""The kinds of requests, each with a number of its own that only its own answer can contain."""

import json
from contextlib import aclosing

from tests.samples import MODEL

LONG = {"prompt": "Tell a very long story.", "min_tokens": 500, "max_tokens": 500}


class Mixed(Exception):
    """An answer that is another request's, or none."""


def only(number):
    """Guided decoding lets the model write nothing but the number."""
    return {"choice": [f"number {number}"]}


def schema(number):
    return {"type": "object", "properties": {"number": {"type": "integer", "enum": [number]}}, "required": ["number"]}


def ask(number):
    return [{"role": "user", "content": f"Say the number {number}."}]


def expect(found, wanted):
    if found != wanted:
        raise Mixed(f"expected {wanted!r}, got {str(found)[:60]!r}")


async def predict(client, **inputs):
    """The finished prediction; at a 409 again, as clients do."""
    while (response := await client.post("/predictions", json={"input": inputs})).status_code == 409:
        pass
    return response.json()


async def prompt(cog, _, number):
    prediction = await predict(cog, prompt="Say it.", sampling_params=only(number))
    expect("".join(prediction["output"]), f"number {number}")


async def chat(cog, _, number):
    prediction = await predict(cog, messages=ask(number), sampling_params=only(number))
    expect(json.loads(prediction["output"][0])["choices"][0]["message"]["content"], f"number {number}")


async def json_schema(cog, _, number):
    described = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema(number)}}
    prediction = await predict(cog, messages=ask(number), response_format=described)
    expect(json.loads(json.loads(prediction["output"][0])["choices"][0]["message"]["content"]), {"number": number})


async def tool(cog, _, number):
    function = {"name": "tell", "parameters": schema(number)}
    named = {"type": "function", "function": {"name": "tell"}}
    tools = [{"type": "function", "function": function}]
    prediction = await predict(cog, messages=ask(number), tools=tools, tool_choice=named)
    (call,) = json.loads(prediction["output"][0])["choices"][0]["message"]["tool_calls"]
    expect(json.loads(call["function"]["arguments"]), {"number": number})


async def stream(cog, _, number):
    text, done = "", False
    while not done:
        body = {"input": {"prompt": "Say it.", "sampling_params": only(number)}}
        async with cog.stream("POST", "/predictions", json=body, headers={"Accept": "text/event-stream"}) as response:
            done = response.status_code != 409
            async for line in response.aiter_lines():
                data = json.loads(line[6:]) if line.startswith("data: {") else {}
                text += data.get("chunk", "")
    expect(text, f"number {number}")


async def openai_chat(_, openai, number):
    body = {"model": MODEL, "messages": ask(number), "structured_outputs": only(number)}
    answer = (await openai.post("/v1/chat/completions", json=body)).json()
    expect(answer["choices"][0]["message"]["content"], f"number {number}")


async def openai_stream(_, openai, number):
    body = {"model": MODEL, "prompt": "Say it.", "structured_outputs": only(number), "stream": True}
    text = ""
    async with openai.stream("POST", "/v1/completions", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                text += json.loads(line[6:])["choices"][0]["text"]
    expect(text, f"number {number}")


async def openai_response(_, openai, number):
    described = {"format": {"type": "json_schema", "name": "n", "schema": schema(number)}}
    answer = (await openai.post("/v1/responses", json={"model": MODEL, "input": "Say it.", "text": described})).json()
    expect(json.loads(answer["output"][-1]["content"][0]["text"]), {"number": number})


async def cancel(cog, _, number):
    """Hang up after the first output; the server cancels."""
    body = {"input": LONG | {"seed": number}}
    sending = cog.stream("POST", "/predictions", json=body, headers={"Accept": "text/event-stream"})
    async with sending as response, aclosing(response.aiter_lines()) as lines:
        async for line in lines:
            if line == "event: output":
                return


async def openai_cancel(_, openai, number):
    body = {"model": MODEL, **LONG, "seed": number, "stream": True}
    async with (
        openai.stream("POST", "/v1/completions", json=body) as response,
        aclosing(response.aiter_lines()) as lines,
    ):
        await anext(lines)


async def bad_input(cog, openai, number):
    prediction = await predict(cog, prompt="x", top_p=0, seed=number)
    expect(prediction["error"].rpartition(": ")[2], "top_p must be above 0 and at most 1, got 0.")
    refused = await openai.post("/v1/completions", json={"model": MODEL, "prompt": "x", "top_p": 0})
    expect(refused.json()["error"]["message"], "top_p must be above 0 and at most 1, got 0.")


KINDS = (
    *(prompt, chat, json_schema, tool, stream),
    *(openai_chat, openai_stream, openai_response, cancel, openai_cancel, bad_input),
)
