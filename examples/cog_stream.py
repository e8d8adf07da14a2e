"""Stream an answer from the Cog API: python examples/cog_stream.py QUESTION."""

import json
import sys
import time

import httpx

URL = "http://localhost:5000"

request = {"input": {"prompt": sys.argv[1]}}
headers = {"Accept": "text/event-stream"}
while True:
    with httpx.stream("POST", f"{URL}/predictions", json=request, headers=headers, timeout=None) as response:
        if response.status_code == 409:  # at capacity: try again
            time.sleep(1)
            continue
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                print(event.get("chunk", ""), end="", flush=True)
                if event.get("error"):
                    sys.exit(event["error"])
        break
