"""A server as an operator set it: JSON logs without prompts, trusted templates, traces."""

import json

import httpx
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
