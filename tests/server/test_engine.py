"""vLLM itself, in this process: what it refuses, and what it has that ours must know of."""

import dataclasses
import typing
from pathlib import Path

import pytest

from granite.engine import engine_args as profile
from granite.errors import OperatorError, SettingsError
from granite.model import adapters, weights
from granite.model.adapters import Adapter
from granite.request.further_sampling import GUIDES, NOT_OFFERED, FurtherSampling
from granite.request.sampling import Sampling
from granite.settings import Settings


@pytest.fixture(scope="module")
def engine_module():
    """granite.engine, which imports vLLM, in the environment that setup() gives it."""
    profile.set_environment()
    from granite.engine import engine

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
    """Stands for the engine where adapters are read, and refuses them."""

    def __init__(self, refusal):
        self.refusal = refusal
        self.stopped = False

    async def add_lora(self, adapter):
        raise Exception(self.refusal)  # as vLLM's client does

    def shutdown(self):
        self.stopped = True


TWO = (Adapter("haiku", 1, Path("/adapters/haiku"), 8), Adapter("legal", 2, Path("/adapters/legal"), 8))


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
