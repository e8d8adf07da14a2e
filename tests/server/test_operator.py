"""A server as an operator set it: JSON logs without prompts, trusted templates, traces."""

import json

import httpx
from tests.test_ends import DIED, LONG, Doors, ends_as_dead, error_of, kill_engine

DEADLINE = 120


def predicted(server, **inputs):
    return httpx.post(f"{server.url}/predictions", json={"input": inputs}, timeout=DEADLINE).json()


def test_logs_are_json_and_hold_neither_prompt_nor_answer(operated):
    """One object a line; the texts are their lengths."""
    prediction = predicted(operated, prompt="What is the capital of France?", temperature=0, max_tokens=16)
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


def test_the_second_door_logs_no_prompt_either(operated):
    """Answered or refused, by us or by vLLM."""
    place = "Zanzibar"
    for more, status in (({}, 200), ({"temperature": 7}, 400), ({"citations": True}, 400), ({"stop": place}, 200)):
        body = {"model": "granite-demo", "messages": [{"role": "user", "content": place}], "max_tokens": 4, **more}
        url = f"http://127.0.0.1:{operated.variables['OPENAI_PORT']}/v1/chat/completions"
        assert httpx.post(url, json=body, timeout=DEADLINE).status_code == status
    assert place not in operated.log.read_text()


def test_a_trusted_request_brings_its_own_template(operated):
    """Its rendering is what is sent: a bare completion of the prompt."""
    prediction = predicted(
        operated,
        prompt="The capital of France is",
        chat_template="{{ messages[0].content }}",
        temperature=0,
        max_tokens=4,
    )
    assert prediction["metrics"]["input_token_count"] == 5
    assert "Paris" in "".join(prediction["output"])


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def test_a_trace_goes_on_at_both_doors(operated, collector):
    """From the header at the second door, from the body's context at Cog's: one span each, below the caller's."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    asked = {"input": {"prompt": "Hi.", "max_tokens": 4, "min_tokens": 4}, "context": headers}
    assert httpx.post(f"{operated.url}/predictions", json=asked, timeout=DEADLINE).json()["status"] == "succeeded"
    answered = httpx.post(
        f"http://127.0.0.1:{operated.variables['OPENAI_PORT']}/v1/completions",
        json={"model": "granite-demo", "prompt": "Hi.", "max_tokens": 4, "min_tokens": 4},
        headers=headers,
        timeout=DEADLINE,
    )
    assert answered.status_code == 200
    found = collector.of(TRACE, 2, DEADLINE)
    assert [(span.name, span.parent_span_id.hex()) for span in found] == [("llm_request", PARENT)] * 2
    told = [{attribute.key: attribute.value for attribute in span.attributes} for span in found]
    assert [attributes["gen_ai.usage.completion_tokens"].int_value for attributes in told] == [4, 4]


def test_vllms_own_limit_refuses_at_both_doors(operated):
    """Its limit on the tokens that wait for prefill: 503 and Retry-After here, a failed prediction there."""
    with Doors.of(operated, key=None) as doors:
        reading = doors.chat(stream=False, messages=[{"role": "user", "content": "word " * 7000}], max_tokens=1)
        refused = set()
        while not reading.done() and len(refused) < 2:
            body = {"model": "granite-demo", "prompt": "Hi.", "max_tokens": 1}
            answered = httpx.post(f"{doors.openai_url}/v1/completions", json=body, timeout=DEADLINE)
            if answered.status_code == 503:
                refused.add(answered.headers["retry-after"])
            prediction = predicted(operated, prompt="Hi.", max_tokens=1)
            if prediction["status"] == "failed":
                refused.add(prediction["error"])
        assert reading.result()[0] == 200
    assert refused == {
        "1",
        "Prediction failed: Generator iteration error: RequestError: vLLM refuses the request: The engine has reached its "
        "prefill token backlog limit. Please try again later or on a different instance.",
    }


def test_a_killed_engine_fails_what_runs_and_ends_the_server(operated):
    """While answers are generated: one sentence for each caller at both doors. The last test: nothing answers after it."""
    with Doors.of(operated, key=None) as doors:
        prediction, chat = doors.predict(**LONG), doors.chat(stream=False, **LONG)
        streams = [
            doors.chat(stream=True, **LONG),
            doors.chat(stream=True, path="completions", **LONG),
            doors.chat(stream=True, path="responses", max_output_tokens=8000, ignore_eos=True),
        ]
        while doors.metric("granite_openai_places_in_use") < 4:
            pass
        kill_engine(doors)
        assert prediction.result()[0]["error"] == f"Prediction failed: Generator iteration error: EngineDied: {DIED}"
        for stream in streams:
            status, text, _ = stream.result()
            assert (status, error_of(text)) == (200, DIED)
        status, text, _ = chat.result()
        assert (status, error_of(text)) == (503, DIED)
        ends_as_dead(doors)
