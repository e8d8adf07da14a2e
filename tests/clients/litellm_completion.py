"""LiteLLM with the providers `openai` and `hosted_vllm`: whole, streamed and with a tool."""

import json
import sys

import litellm

url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
settings = {"api_base": url, "api_key": key, "temperature": 0, "max_tokens": request["max_tokens"], "num_retries": 0}


def answers(model):
    def ask(text, **more):
        return litellm.completion(model, [{"role": "user", "content": text}], **settings, **more)

    called = ask(request["weather"], tools=request["tools"], tool_choice=request["named"])
    function = called.choices[0].message.tool_calls[0].function
    return {
        "whole": ask(request["question"]).choices[0].message.content,
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in ask(request["question"], stream=True)),
        "tool": {"name": function.name, "arguments": function.arguments},
    }


print(json.dumps({provider: answers(f"{provider}/{request['model']}") for provider in ("openai", "hosted_vllm")}))
