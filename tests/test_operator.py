"""A server as an operator set it: JSON logs without prompts, trusted templates; and the death of its engine."""

import json
import time

import httpx
import psutil
import pytest

from granite.cli.server import Server

DEADLINE = 120
SETTINGS = {
    "ENGINE_ARGS": json.dumps({"enforce_eager": True}),
    "LOG_FORMAT": "json",
    "LOG_PROMPTS": "false",
    "TRUST_CHAT_TEMPLATE": "true",
}


@pytest.fixture(scope="module")
def own():
    with Server(SETTINGS) as server:
        server.wait()
        yield server


def predicted(server, **inputs):
    return httpx.post(f"{server.url}/predictions", json={"input": inputs}, timeout=DEADLINE).json()


def test_logs_are_json_and_hold_neither_prompt_nor_answer(own):
    """One object a line; the texts are their lengths."""
    prediction = predicted(own, prompt="What is the capital of France?", temperature=0, max_tokens=16)
    entries = [json.loads(line) for line in prediction["logs"].splitlines()]
    assert [entry["event"].split(" took")[0] for entry in entries] == [
        "predict() commencing",
        "Formatted prompt using chat template",
        "SamplingParams",
        "result",
        "Generation",
        "predict() complete",
    ]
    assert {entry["user_prompt"] for entry in entries} == {"<30 characters>"}
    assert entries[3]["text"] == f"<{len(''.join(prediction['output']))} characters>"
    assert "France" not in prediction["logs"]
    assert "France" not in own.log.read_text()


def test_a_trusted_request_brings_its_own_template(own):
    """Its rendering is what is sent: a bare completion of the prompt."""
    prediction = predicted(
        own, prompt="The capital of France is", chat_template="{{ messages[0].content }}", temperature=0, max_tokens=4
    )
    assert prediction["metrics"]["input_token_count"] == 5
    assert "Paris" in "".join(prediction["output"])


def test_a_dead_engine_fails_what_runs_and_is_unhealthy_at_once(own):
    """One sentence for the caller; the status tells the platform."""
    assert own.health()["status"] == "READY"
    error = None
    body = {"input": {"prompt": "Tell a very long story.", "max_tokens": 4000, "min_tokens": 4000}}
    with httpx.stream(
        "POST", f"{own.url}/predictions", json=body, headers={"Accept": "text/event-stream"}, timeout=DEADLINE
    ) as response:
        for line in response.iter_lines():
            if '"chunk"' in line and error is None:
                error = ""
                for process in psutil.Process(own.pid).children(recursive=True):
                    if process.name().startswith("VLLM"):
                        process.kill()
            elif '"error"' in line:
                error = json.loads(line.removeprefix("data: "))["error"]
    assert error == (
        "Prediction failed: Generator iteration error: EngineDied: "
        "The engine died while it ran this request: send it again once the server is back."
    )
    deadline = time.monotonic() + DEADLINE
    while own.health()["status"] != "UNHEALTHY":
        assert time.monotonic() < deadline
    response = httpx.post(f"{own.url}/predictions", json=body, timeout=DEADLINE)
    assert response.status_code != 200 or response.json()["status"] == "failed"
