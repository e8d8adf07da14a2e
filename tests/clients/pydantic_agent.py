"""Pydantic AI: text, whole and streamed, and structured output, by a schema and by a tool."""

import asyncio
import json
import sys
from typing import Literal

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
model = OpenAIChatModel(request["model"], provider=OpenAIProvider(base_url=url, api_key=key))
settings = {"temperature": 0, "max_tokens": request["max_tokens"]}


class Book(BaseModel):
    title: str
    year: int


class Capital(BaseModel):
    """The only answer is Paris, whatever the model would say."""

    name: Literal["Paris"]


async def main():
    text = Agent(model, model_settings=settings)
    async with text.run_stream(request["question"]) as stream:
        streamed = "".join([delta async for delta in stream.stream_text(delta=True)])
    book = await Agent(model, output_type=NativeOutput(Book), model_settings=settings).run(request["book"])
    capital = await Agent(model, output_type=Capital, model_settings=settings).run(request["question"])
    return {
        "text": (await text.run(request["question"])).output,
        "streamed": streamed,
        "schema": book.output.model_dump(),
        "tool": capital.output.model_dump(),
    }


print(json.dumps(asyncio.run(main())))
