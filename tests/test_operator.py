"""A server as an operator set it: JSON logs without prompts, trusted templates, traces."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from granite.cli.server import Server, free_port

DEADLINE = 120
SETTINGS = {
    "LOG_FORMAT": "json",
    "LOG_PROMPTS": "false",
    "TRUST_CHAT_TEMPLATE": "true",
}


@pytest.fixture(scope="module")
def collector():
    """An OpenTelemetry collector's address, and the spans that were sent to it."""
    spans = queue.Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(sent).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        spans.put(span)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", spans
        server.shutdown()


@pytest.fixture(scope="module")
def own(collector):
    arguments = {"enforce_eager": True, "otlp_traces_endpoint": collector[0]}
    more = {"ENGINE_ARGS": json.dumps(arguments), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}
    with Server({**SETTINGS, **more, "OPENAI_PORT": str(free_port())}) as server:
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


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def test_a_trace_goes_on_at_both_doors(own, collector):
    """From the header at the second door, from the body's context at Cog's: one span each, below the caller's."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    asked = {"input": {"prompt": "Hi.", "max_tokens": 4, "min_tokens": 4}, "context": headers}
    assert httpx.post(f"{own.url}/predictions", json=asked, timeout=DEADLINE).json()["status"] == "succeeded"
    answered = httpx.post(
        f"http://127.0.0.1:{own.variables['OPENAI_PORT']}/v1/completions",
        json={"model": "granite-demo", "prompt": "Hi.", "max_tokens": 4, "min_tokens": 4},
        headers=headers,
        timeout=DEADLINE,
    )
    assert answered.status_code == 200
    found = []
    while len(found) < 2:  # vLLM's start has spans of its own
        span = collector[1].get(timeout=DEADLINE)
        if span.trace_id.hex() == TRACE:
            found.append(span)
    assert [(span.name, span.parent_span_id.hex()) for span in found] == [("llm_request", PARENT)] * 2
    told = [{attribute.key: attribute.value for attribute in span.attributes} for span in found]
    assert [attributes["gen_ai.usage.completion_tokens"].int_value for attributes in told] == [4, 4]
