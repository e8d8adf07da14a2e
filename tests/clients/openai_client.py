"""OpenAI's client: chats, completions and responses; whole, streamed, with a tool and with a schema."""

import json
import sys

from openai import OpenAI
from pydantic import BaseModel


class Book(BaseModel):
    title: str
    year: int


url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = OpenAI(base_url=url, api_key=key, max_retries=0)
chat = {"model": request["model"], "temperature": 0, "max_tokens": request["max_tokens"]}
response = {"model": request["model"], "temperature": 0, "max_output_tokens": request["max_tokens"]}


def user(text):
    return [{"role": "user", "content": text}]


whole = client.chat.completions.create(messages=user(request["question"]), **chat)
chunks = list(
    client.chat.completions.create(
        messages=user(request["question"]), stream=True, stream_options={"include_usage": True}, **chat
    )
)
called = client.chat.completions.create(
    messages=user(request["weather"]), tools=request["tools"], tool_choice=request["named"], **chat
)
parsed = client.chat.completions.parse(messages=user(request["book"]), response_format=Book, **chat)
scored = client.completions.create(prompt=request["raw"], echo=True, logprobs=1, **chat).choices[0]
replied = client.responses.create(input=request["question"], **response)
with client.responses.stream(input=request["question"], **response) as stream:
    deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
    final = stream.get_final_response()
tools = [{"type": "function", **tool["function"]} for tool in request["tools"]]
named = {"type": "function", "name": request["named"]["function"]["name"]}
(call,) = client.responses.create(input=request["weather"], tools=tools, tool_choice=named, **response).output
described = client.responses.parse(input=request["book"], text_format=Book, **response)
print(
    json.dumps(
        {
            "chat": [whole.choices[0].message.content, whole.usage.model_dump(exclude_unset=True)],
            "chat, streamed": [
                "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
                chunks[-1].usage.model_dump(exclude_unset=True),
            ],
            "chat, tool": [each.function.model_dump() for each in called.choices[0].message.tool_calls],
            "chat, parsed": parsed.choices[0].message.parsed.model_dump(),
            "completion": [scored.text, scored.logprobs.tokens, scored.logprobs.token_logprobs],
            "response": [replied.output_text, replied.usage.input_tokens, replied.usage.output_tokens],
            "response, streamed": ["".join(deltas), final.usage.input_tokens, final.usage.output_tokens],
            "response, tool": {"name": call.name, "arguments": call.arguments},
            "response, parsed": described.output_parsed.model_dump(),
        }
    )
)
