"""IBM's langchain-replicate, both of its classes: text, streams, stop texts, tools, structured output."""

import json
import os
import sys

from langchain_core.messages import AIMessage, ToolMessage
from langchain_replicate import ChatReplicate, Replicate
from pydantic import BaseModel

os.environ["REPLICATE_BASE_URL"], key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])


class Book(BaseModel):
    """A book."""

    title: str
    year: int


def model(kind, max_tokens):
    arguments = {"temperature": 0, "max_tokens": max_tokens}
    return kind(model=request["model"], replicate_api_token=key, model_kwargs=arguments)


stop = [" is"]
text, short, chat = model(Replicate, 24), model(ChatReplicate, 24), model(ChatReplicate, 96)
question, weather, book = request["question"], request["weather"], request["book"]
named = chat.bind_tools(request["tools"], tool_choice=request["tools"][0]["function"]["name"])
call = {"name": "get_weather", "args": {"city": "Boston", "unit": "celsius"}, "id": "call_1"}
result = [AIMessage("", tool_calls=[call]), ToolMessage(request["result"], tool_call_id="call_1")]
received = [
    text.invoke(question),
    "".join(text.stream(question)),
    short.invoke(question).content,
    "".join(chunk.content for chunk in short.stream(question)),
    text.invoke(question, stop=stop),
    "".join(text.stream(question, stop=stop)),
    short.invoke(question, stop=stop).content,
    "".join(chunk.content for chunk in short.stream(question, stop=stop)),
    named.invoke(weather).content,
    "".join(chunk.content for chunk in named.stream(weather)),
    chat.bind_tools(request["tools"], tool_choice="any").invoke(weather).content,
    chat.bind_tools(request["tools"], tool_choice="auto").invoke([("user", weather), *result]).content,
    chat.with_structured_output(Book, method="json_schema").invoke(book).model_dump(),
    chat.with_structured_output(Book).invoke(book).model_dump(),
]
print(json.dumps(received))
