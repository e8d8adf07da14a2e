"""Stream a chat's answer from the OpenAI API: python examples/openai_chat.py QUESTION."""

import sys

from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key="secret")
model = client.models.list().data[0].id
messages = [{"role": "user", "content": sys.argv[1]}]
for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
