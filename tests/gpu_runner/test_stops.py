"""How a request ends early on V2: canceled, dropped, or with its worker."""

import pytest

from tests.both_apis import DIED, LONG, BothAPIs, openai_error
from tests.predictions import chunks_of, engine_is_idle, events
from tests.samples import FRANCE, MODEL

FEW = {"temperature": 0, "max_tokens": 2}


def test_a_dropped_stream_stops_the_engine(runner, v2):
    for event, _, _ in events(v2, {"messages": FRANCE, "stream": True, **LONG}):
        if event == "output":
            break
    assert engine_is_idle(runner)
    assert chunks_of(v2, prompt="Hi", **FEW)


@pytest.mark.slow
def test_cancel_stops_the_engine(runner, v2):
    last = None
    for event, data, _ in events(v2, {"prompt": "Tell a story.", **LONG}, id="to-cancel"):
        if event == "output" and last is None:
            assert v2.post("/predictions/to-cancel/cancel").status_code == 200
            last = data
        last = data if event == "completed" else last
    assert last["status"] == "canceled"
    assert 0 < last["metrics"]["output_token_count"] < LONG["max_tokens"]
    assert engine_is_idle(runner)


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"n": 3}], ids=["one answer", "three"])
def test_a_client_that_hangs_up_stops_the_engine(runner, v2_http, fields):
    body = {"model": MODEL, "messages": FRANCE, "stream": True, **LONG, **fields}
    with v2_http.stream("POST", "/v1/chat/completions", json=body) as response:
        next(response.iter_lines())
    assert engine_is_idle(runner)


@pytest.mark.slow
def test_a_killed_worker_fails_every_request_and_ends_the_server(runner):
    """Its callers get our sentence, at both APIs. The last test: it kills the server."""
    with BothAPIs.of(runner) as apis:
        prediction, stream = apis.predict(**LONG), apis.openai(stream=True, **LONG)
        whole = apis.openai(stream=False, **LONG)
        apis.wait_for_openai(2)
        apis.kill_engine("VLLM::Worker")
        last, _ = prediction.result()
        assert last["error"] == f"Prediction failed: Generator iteration error: EngineDied: {DIED}"
        status, text, _ = stream.result()
        assert (status, openai_error(text)) == (200, DIED)
        status, text, _ = whole.result()
        assert (status, openai_error(text)) == (503, DIED)
        apis.assert_killed()
