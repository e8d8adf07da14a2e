"""Replicate's Python client: run, stream, create and wait, cancel."""

import json
import sys

from replicate import Client

url, key, asked = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = Client(api_token=key, base_url=url)
version = f"{asked['model']}:{asked['version']}"

created = client.models.predictions.create(asked["model"], asked["input"])
created.wait()
long = client.predictions.create(version=asked["version"], input=asked["long"], stream=True)
for event in long.stream():
    if event.event == event.EventType.OUTPUT:
        long.cancel()
        break
print(
    json.dumps(
        {
            "run": "".join(client.run(asked["model"], asked["input"])),
            "run, version": "".join(client.run(version, asked["input"])),
            "run, polled": "".join(client.run(version, asked["input"], wait=False)),
            "stream": "".join(map(str, client.stream(asked["model"], input=asked["input"]))),
            "created": [created.status, "".join(created.output), created.metrics["output_token_count"]],
            "canceled": long.status,
        }
    )
)
