"""predict() itself, on a fake engine: what one request gets, logs and counts."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest
import structlog

import predict
from granite.errors import EngineDied, InvalidInput
from granite.request.inputs import Inputs
from granite.request.prompt import PromptTemplate
from granite.request.request import Checks
from granite.serving.cancellation import Cancellation, _current
from granite.serving.running import Running
from tests.fake_engine import FakeEngine

DEFAULTS = dataclasses.asdict(Inputs.defaults(predict.Predictor.predict))
FRANCE = [{"role": "user", "content": "What is the capital of France?"}]


class Scope:
    """Cog's, of one prediction."""

    def __init__(self):
        self.context = {"traceparent": "00-1-2-01"}
        self.metrics = {}

    def record_metric(self, name, value):
        self.metrics[name] = value


class Predictor(predict.Predictor):
    """As setup() leaves it."""

    scope = None  # Cog's base class has a property

    def __init__(self, engine):
        self.engine = engine
        self.checks = Checks(engine.adapters, trust_chat_template=False)
        self.template = PromptTemplate(Path("chat_template.jinja"))
        self.running = Running()
        self.scope = Scope()


async def chunks(predictor, **inputs):
    _current.set(Cancellation())
    generator = await predictor.predict(**DEFAULTS | inputs)
    return await asyncio.to_thread(list, generator)


@pytest.fixture
def log():
    with structlog.testing.capture_logs() as entries:
        yield entries


async def test_a_prompt_is_answered_with_its_text_and_six_log_lines(log):
    engine = FakeEngine("Paris", " it", " is.")
    predictor = Predictor(engine)
    assert "".join(await chunks(predictor, prompt="Where?", seed=7, max_tokens=9)) == "Paris it is."
    (request,) = engine.requests
    assert (request.sampling["seed"], request.max_tokens) == (7, 9)
    events = [entry["event"] for entry in log]
    assert events[:4] == ["predict() commencing", "Formatted prompt using chat template", "SamplingParams", "result"]
    assert (events[4][:16], events[5:]) == ("Generation took ", ["predict() complete"])
    assert {entry["user_prompt"] for entry in log} == {"Where?"}
    assert len({entry["request_id"] for entry in log}) == 1
    assert predictor.scope.metrics["output_token_count"] == 3
    assert engine.generated[0].trace_headers == predictor.scope.context


async def test_a_chat_is_answered_with_one_object_or_a_line_for_each():
    (whole,) = await chunks(Predictor(FakeEngine("Par", "is.")), messages=FRANCE)
    assert json.loads(whole)["choices"][0]["message"] == {"role": "assistant", "content": "Paris."}
    streamed = await chunks(Predictor(FakeEngine("Par", "is.")), messages=FRANCE, stream=True)
    objects = [json.loads(line) for line in "".join(streamed).splitlines()]
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in objects[:-1]) == "Paris."
    assert objects[-1]["usage"]["completion_tokens"] == 2


async def test_an_adapter_is_the_models_name():
    (whole,) = await chunks(Predictor(FakeEngine("Hi.", adapters=("haiku",))), messages=FRANCE, adapter="haiku")
    assert json.loads(whole)["model"] == "haiku"


async def test_a_wrong_input_fails_before_the_engine_is_used(log):
    engine = FakeEngine("x")
    sentence = "top_p must be above 0 and at most 1, got 0."
    with pytest.raises(InvalidInput) as caught:
        await chunks(Predictor(engine), prompt="x", top_p=0)
    assert (str(caught.value), engine.requests) == (sentence, [])
    begun, refused = log
    assert begun["event"] == "predict() commencing"
    shown = {name: refused[name] for name in ("event", "log_level", "error", "reason")}
    assert shown == {"event": "predict() refused", "log_level": "info", "error": "InvalidInput", "reason": sentence}


async def test_an_engine_that_dies_fails_the_request(log):
    with pytest.raises(EngineDied):
        await chunks(Predictor(FakeEngine("Par", EngineDied())), prompt="x")
    assert log[-1]["event"] == "predict() failed"
