"""LangChain's ChatOpenAI: whole, streamed, with a schema and with tools, whose result goes back."""

import json
import sys

from langchain_openai import ChatOpenAI

url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
settings = {"base_url": url, "api_key": key, "model": request["model"], "temperature": 0, "max_retries": 0}
chat = ChatOpenAI(max_completion_tokens=request["max_tokens"], **settings)
schema = {"title": "book", "description": "A book.", **request["schema"]}

whole = chat.invoke(request["question"])
called = chat.bind_tools(request["tools"], tool_choice="get_weather").invoke(request["weather"])
result = {"role": "tool", "content": request["result"], "tool_call_id": called.tool_calls[0]["id"]}
streamed = None
for chunk in chat.bind_tools(request["tools"], tool_choice="get_weather").stream(request["weather"]):
    streamed = chunk if streamed is None else streamed + chunk
print(
    json.dumps(
        {
            "invoke": [whole.content, whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]],
            "stream": "".join(chunk.content for chunk in chat.stream(request["question"])),
            "responses": ChatOpenAI(use_responses_api=True, **settings).invoke(request["question"]).text,
            "tools": [[call["name"], call["args"]] for call in called.tool_calls],
            "tools, streamed": [[call["name"], call["args"]] for call in streamed.tool_calls],
            "tool's result": chat.bind_tools(request["tools"])
            .invoke([("user", request["weather"]), called, result])
            .content,
            **{
                method: chat.with_structured_output(schema, method=method).invoke(request["book"])
                for method in ("json_schema", "function_calling")
            },
        }
    )
)
