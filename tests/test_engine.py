"""vLLM itself, in this process: what it refuses, what it still runs, how its death is seen."""

import asyncio
import dataclasses

import psutil
import pytest

from granite import profile, weights
from granite.answer import Answer
from granite.cancellation import Cancellation, _current
from granite.errors import EngineDied, OperatorError, SettingsError
from granite.output.text import Text
from granite.record import Record
from granite.request.further_sampling import GUIDES, NOT_OFFERED, FurtherSampling
from granite.request.sampling import Sampling
from granite.settings import Settings
from granite.stream import chunks as streamed
from tests.asked import passed
from tests.test_stream import Journal, drained

ENDLESS = passed(lambda *given: Sampling.checked(*given, {}, {}), prompt="x", max_tokens=4000, min_tokens=4000)


@pytest.fixture(scope="module")
def engine_module():
    """granite.engine, which imports vLLM, in the environment that setup() gives it."""
    profile.set_environment()
    from granite import engine

    return engine


@pytest.fixture(scope="module")
def arguments():
    """The demo's engine arguments, eager."""
    settings = Settings.from_environment()
    return profile.engine_args(weights.find(settings), settings) | {"enforce_eager": True}


def test_an_unknown_engine_argument_is_one_sentence(engine_module, arguments):
    """With the nearest known one, before anything is loaded."""
    with pytest.raises(SettingsError) as caught:
        engine_module.Engine.start(arguments | {"max_model_length": 4096})
    assert str(caught.value) == (
        "ENGINE_ARGS names max_model_length, which is no engine argument of vLLM: did you mean max_model_len?"
    )


def test_each_field_of_vllms_sampling_is_an_input_or_has_a_reason(engine_module):
    """A new vLLM brings new ones: then this fails, and somebody decides."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    ours = {field.name for field in dataclasses.fields(Sampling)} - {"further"}
    further = FurtherSampling.model_fields.keys() - set(GUIDES)
    public = {name for name in SamplingParams.__struct_fields__ if not name.startswith("_")}
    assert public == ours | further | NOT_OFFERED.keys() | {"structured_outputs"}
    guides = {field.name for field in dataclasses.fields(StructuredOutputsParams) if not field.name.startswith("_")}
    white_space = {"disable_any_whitespace", "disable_additional_properties", "whitespace_pattern"}
    assert guides == {*GUIDES, "json", "json_object"} | white_space


def test_an_engine_argument_that_vllm_refuses_is_one_sentence(engine_module, arguments):
    """In vLLM's words, on one line."""
    with pytest.raises(OperatorError, match=r"^vLLM refuses to start: .*max_model_len") as caught:
        engine_module.Engine.start(arguments | {"max_model_len": 10**9})
    assert "\n" not in str(caught.value)


async def test_a_cancel_leaves_nothing_running_and_a_death_is_seen(engine_module, arguments):
    """One engine for both: its death ends it."""
    engine = engine_module.Engine.start(arguments)
    prompt = await engine.tokenize("Once upon a time", ENDLESS)
    params = engine.sampling_params(ENDLESS)

    def started(name, cancellation):
        token = _current.set(cancellation)
        try:
            record = Record(Answer(prompt.tokens), Journal(), Journal())
            return streamed(engine.generate(prompt, params, name), record, Text())
        finally:
            _current.reset(token)

    cancellation = Cancellation()
    chunks = started("canceled", cancellation)
    assert await asyncio.to_thread(next, chunks)
    assert engine.unfinished == 1
    cancellation.cancel()
    with pytest.raises(BaseException, match="canceled"):
        await drained(chunks)
    assert engine.unfinished == 0

    chunks = started("killed", Cancellation())
    assert await asyncio.to_thread(next, chunks)
    assert not engine.dead
    for process in psutil.Process().children(recursive=True):
        process.kill()
    with pytest.raises(
        EngineDied, match=r"^The engine died while it ran this request: send it again once the server is back\.$"
    ):
        await asyncio.wait_for(drained(chunks), 60)
    assert engine.dead
    engine.stop()
