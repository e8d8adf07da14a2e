"""LangChain's ChatOpenAI: whole, streamed, with a schema and with tools, whose result goes back."""

import json
import sys

from langchain_openai import ChatOpenAI

url, key, asked = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
settings = {"base_url": url, "api_key": key, "model": asked["model"], "temperature": 0, "max_retries": 0}
chat = ChatOpenAI(max_completion_tokens=asked["max_tokens"], **settings)
schema = {"title": "book", "description": "A book.", **asked["schema"]}

whole = chat.invoke(asked["question"])
called = chat.bind_tools(asked["tools"], tool_choice="get_weather").invoke(asked["weather"])
result = {"role": "tool", "content": asked["result"], "tool_call_id": called.tool_calls[0]["id"]}
streamed = None
for chunk in chat.bind_tools(asked["tools"], tool_choice="get_weather").stream(asked["weather"]):
    streamed = chunk if streamed is None else streamed + chunk
print(
    json.dumps(
        {
            "invoke": [whole.content, whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]],
            "stream": "".join(chunk.content for chunk in chat.stream(asked["question"])),
            "responses": ChatOpenAI(use_responses_api=True, **settings).invoke(asked["question"]).text,
            "tools": [[call["name"], call["args"]] for call in called.tool_calls],
            "tools, streamed": [[call["name"], call["args"]] for call in streamed.tool_calls],
            "tool's result": chat.bind_tools(asked["tools"])
            .invoke([("user", asked["weather"]), called, result])
            .content,
            **{
                method: chat.with_structured_output(schema, method=method).invoke(asked["book"])
                for method in ("json_schema", "function_calling")
            },
        }
    )
)
