"""Predictions of a real server over the Cog API."""

import concurrent.futures
import json
import time

import psutil

DEADLINE = 120
"""Seconds; generous, because these machines are shared."""


def predicted(client, **inputs):
    """The finished prediction.

    Two requests in one instant can get a 409 with slots free: Cog's server tries the lock on its slots only once.
    """
    deadline = time.monotonic() + DEADLINE
    while (response := client.post("/predictions", json={"input": inputs})).status_code == 409:
        assert time.monotonic() < deadline
    assert response.status_code == 200, response.text
    return response.json()


def chunks_of(client, **inputs):
    """The chunks of a prediction that succeeded."""
    prediction = predicted(client, **inputs)
    assert prediction["status"] == "succeeded", prediction["error"]
    return prediction["output"]


def answer(client, **inputs):
    """The text of a prediction that succeeded."""
    return "".join(chunks_of(client, **inputs))


def error_of(client, **inputs):
    """Our sentence in the error of a prediction that failed, with the exception's name before it."""
    prediction = predicted(client, **inputs)
    assert prediction["status"] == "failed", prediction
    error = prediction["error"].removeprefix("Prediction failed: ")
    return error.removeprefix("Async prediction failed: ").removeprefix("Generator iteration error: ")


def at_once(requests, send):
    """What each request gives, by its name, all sent beside each other."""
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        return dict(zip(requests, threads.map(send, requests.values()), strict=True))


def events(client, inputs, **body):
    """Each server-sent event's name, data, and the seconds since the request was sent."""
    sent = time.monotonic()
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/predictions", json={"input": inputs, **body}, headers=headers) as response:
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: ")), time.monotonic() - sent


def engine_is_idle(server):
    """Whether the engine stops computing long before 8,000 tokens, which take it minutes, are done."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        processes = psutil.Process(server.pid).children(recursive=True)
        before = sum(sum(process.cpu_times()[:2]) for process in processes)
        psutil.cpu_percent(interval=1)
        if sum(sum(process.cpu_times()[:2]) for process in processes) - before < 0.3:
            return True
    return False
