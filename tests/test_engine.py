"""vLLM itself, in this process: what it refuses, what it still runs, how its death is seen."""

import asyncio
import dataclasses
import typing
from pathlib import Path

import msgspec
import psutil
import pytest

from granite import adapters, profile, weights
from granite.adapters import Adapter
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


def test_each_rank_that_vllm_makes_room_for_is_ours(engine_module):
    """A new vLLM may take others."""
    from vllm.config.lora import MaxLoRARanks

    assert typing.get_args(MaxLoRARanks) == adapters.RANKS


class Loader:
    """Stands for the engine where adapters are read: it keeps what it was given, or refuses it."""

    model_config = renderer = input_processor = None

    def __init__(self, refusal=None):
        self.given = []
        self.refusal = refusal
        self.stopped = False

    async def add_lora(self, adapter):
        if self.refusal:
            raise Exception(self.refusal)  # as vLLM's client does
        self.given.append(msgspec.structs.asdict(adapter))

    def shutdown(self):
        self.stopped = True


TWO = (Adapter("haiku", 1, Path("/adapters/haiku"), 8), Adapter("legal", 2, Path("/adapters/legal"), 8))


async def test_vllms_own_server_names_the_same_adapters(engine_module):
    """Given names and paths in this order, it counts as we do: each is loaded once, and shares the cache of prefixes."""
    from vllm.entrypoints.openai.models.protocol import BaseModelPath, LoRAModulePath
    from vllm.entrypoints.openai.models.serving import OpenAIServingModels

    ours, theirs = Loader(), Loader()
    engine = engine_module.Engine(ours, TWO)
    await engine.load_adapters()
    modules = [LoRAModulePath(adapter.name, str(adapter.path)) for adapter in engine.adapters]
    served = OpenAIServingModels(theirs, [BaseModelPath("granite", "/models/granite")], lora_modules=modules)
    await served.init_static_loras()
    assert len(ours.given) == 2
    assert ours.given == theirs.given


async def test_an_adapter_that_vllm_refuses_is_one_sentence(engine_module):
    """And ends the engine, which would serve without it."""
    loader = Loader(
        "Call to add_lora method failed: Worker failed with error 'vLLM does not\nsupport it.', "
        "please check the stack trace above for the root cause"
    )
    with pytest.raises(OperatorError) as caught:
        await engine_module.Engine(loader, TWO).load_adapters()
    assert str(caught.value) == "vLLM refuses the adapter /adapters/haiku: vLLM does not support it."
    assert loader.stopped


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
