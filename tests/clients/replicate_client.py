"""Replicate's Python client: run, stream, create and wait, cancel."""

import json
import sys

from replicate import Client

url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = Client(api_token=key, base_url=url)
version = f"{request['model']}:{request['version']}"

created = client.models.predictions.create(request["model"], request["input"])
created.wait()
long = client.predictions.create(version=request["version"], input=request["long"], stream=True)
for event in long.stream():
    if event.event == event.EventType.OUTPUT:
        long.cancel()
        break
print(
    json.dumps(
        {
            "run": "".join(client.run(request["model"], request["input"])),
            "run, version": "".join(client.run(version, request["input"])),
            "run, polled": "".join(client.run(version, request["input"], wait=False)),
            "stream": "".join(map(str, client.stream(request["model"], input=request["input"]))),
            "created": [created.status, "".join(created.output), created.metrics["output_token_count"]],
            "canceled": long.status,
        }
    )
)
