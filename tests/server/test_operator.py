"""A server as an operator set it: JSON logs without prompts, trusted templates, traces, limits."""

import json

import httpx
import pytest

from tests.both_apis import DIED, LONG, BothAPIs, openai_error
from tests.predictions import DEADLINE, predicted
from tests.samples import GREEDY, MODEL


@pytest.fixture(scope="module")
def openai_url(operated):
    return f"{operated.openai_url}/v1"


def test_logs_are_json_and_hold_neither_prompt_nor_answer(operated_cog, operated):
    """One object a line, with the lengths of the texts."""
    prediction = predicted(operated_cog, prompt="What is the capital of France?", **GREEDY)
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
    assert "France" not in operated.log.read_text()


def test_the_log_says_what_the_engine_holds(operated):
    """2 GiB of cache, and the slots of both APIs."""
    messages = [json.loads(line)["fields"].get("message", "") for line in operated.log.read_text().splitlines()]
    lines = [json.loads(message) for message in messages if message.startswith("{")]
    (ready,) = [line for line in lines if line.get("event") == "The engine is ready"]
    tokens = 2 * 2**30 // (2 * 30 * 3 * 64 * 4) // 128 * 128  # keys and values of 30 layers, in whole blocks
    assert {key: ready[key] for key in ("card", "attention", "context", "cache_tokens", "answers")} == {
        "card": "CPU",
        "attention": "CPU_ATTN",
        "context": 8192,
        "cache_tokens": tokens,
        "answers": f"{tokens // 1000} of 1000 tokens at once",
    }
    warning = f"The server accepts 64 requests at once, but only {tokens // 1000} of 1000 tokens fit"
    assert any(str(line.get("event")).startswith(warning) for line in lines)


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 200), ({"temperature": 7}, 400), ({"citations": True}, 400), ({"stop": "Zanzibar"}, 200)],
)
def test_the_openai_api_logs_no_prompt_either(openai_url, operated, fields, status):
    """Answered, or refused by us or by vLLM."""
    messages = [{"role": "user", "content": "Zanzibar"}]
    body = {"model": MODEL, "messages": messages, "max_tokens": 4, **fields}
    assert httpx.post(f"{openai_url}/chat/completions", json=body, timeout=DEADLINE).status_code == status
    assert "Zanzibar" not in operated.log.read_text()


def test_a_trusted_request_brings_its_own_template(operated_cog):
    """Its rendering is the prompt: here without any role."""
    template = {"chat_template": "{{ messages[0].content }}", "temperature": 0, "max_tokens": 4}
    prediction = predicted(operated_cog, prompt="The capital of France is", **template)
    assert prediction["metrics"]["input_token_count"] == 5
    assert "Paris" in "".join(prediction["output"])


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def test_a_trace_continues_at_both_apis(operated_cog, openai_url, collector):
    """From the OpenAI API's header and the Cog API's context: one span each, below the caller's."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    request = {"input": {"prompt": "Hi.", "max_tokens": 4, "min_tokens": 4}, "context": headers}
    assert operated_cog.post("/predictions", json=request).json()["status"] == "succeeded"
    body = {"model": MODEL, "prompt": "Hi.", "max_tokens": 4, "min_tokens": 4}
    assert httpx.post(f"{openai_url}/completions", json=body, headers=headers, timeout=DEADLINE).status_code == 200
    spans = collector.of(TRACE, 2, DEADLINE)
    assert [(span.name, span.parent_span_id.hex()) for span in spans] == [("llm_request", PARENT)] * 2
    attributes = [{attribute.key: attribute.value for attribute in span.attributes} for span in spans]
    assert [each["gen_ai.usage.completion_tokens"].int_value for each in attributes] == [4, 4]


def test_vllms_own_limit_refuses_at_both_apis(operated_cog, operated):
    """Its limit on the tokens that wait for prefill."""
    refused = {}
    with BothAPIs.of(operated) as apis:
        long = apis.openai(stream=False, messages=[{"role": "user", "content": "word " * 7000}], max_tokens=1)
        while not long.done() and len(refused) < 2:
            body = {"model": MODEL, "prompt": "Hi.", "max_tokens": 1}
            response = httpx.post(f"{apis.openai_url}/v1/completions", json=body, timeout=DEADLINE)
            if response.status_code != 200:
                refused["openai"] = response.status_code, response.json()["error"]["message"]
            prediction = predicted(operated_cog, prompt="Hi.", max_tokens=1)
            if prediction["status"] == "failed":
                refused["cog"] = prediction["error"].removeprefix("Prediction failed: Generator iteration error: ")
        assert long.result()[0] == 200
    sentence = (
        "vLLM refuses the request: The engine has reached its prefill token backlog limit. "
        "Please try again later or on a different instance."
    )
    assert refused == {"openai": (503, sentence), "cog": f"EngineError: {sentence}"}


def test_a_killed_engine_fails_what_runs_and_ends_the_server(operated):
    """One sentence for each caller at both APIs. The last test of this server."""
    with BothAPIs.of(operated) as apis:
        prediction, chat = apis.predict(**LONG), apis.openai(stream=False, **LONG)
        streams = [
            apis.openai(stream=True, **LONG),
            apis.openai("completions", stream=True, **LONG),
            apis.openai("responses", stream=True, max_output_tokens=8000, ignore_eos=True),
        ]
        apis.wait_for_openai(4)
        apis.kill_engine()
        assert prediction.result()[0]["error"] == f"Prediction failed: Generator iteration error: EngineDied: {DIED}"
        for stream in streams:
            status, text, _ = stream.result()
            assert (status, openai_error(text)) == (200, DIED)
        status, text, _ = chat.result()
        assert (status, openai_error(text)) == (503, DIED)
        apis.assert_killed()
