"""vLLM's rules for a LoRA adapter, in this process."""

import typing

import pytest

from granite.engine import engine_args
from granite.errors import AdapterError
from granite.model.adapters import RANKS, Adapter
from granite.settings import Settings
from tests.adapters import edit, write
from tests.machines import CPU


@pytest.fixture(scope="module")
def check():
    engine_args.set_environment(Settings(), CPU)
    from granite.engine.adapter_check import check

    return check


def test_a_plain_adapter_passes(check, tmp_path):
    check([Adapter("haiku", 1, write(tmp_path / "haiku", 1, layers=1, rank=9), 9)])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"use_dora": True}, "vLLM does not yet support DoRA"),
        ({"bias": "all"}, "Adapter bias is not supported"),
        ({"alora_invocation_tokens": [49152]}, "vLLM does not support Activated LoRA (aLoRA)"),
        ({"rank_pattern": [8]}, "'list' object has no attribute 'items'"),
    ],
)
def test_an_adapter_that_vllm_refuses_is_one_sentence(check, tmp_path, fields, reason):
    path = write(tmp_path / "haiku", 1, layers=1)
    edit(path, **fields)
    with pytest.raises(AdapterError) as caught:
        check([Adapter("haiku", 1, path, 8)])
    assert str(caught.value) == f"vLLM refuses the adapter {path}: {reason}; remove it, or train it without that."


def test_an_adapter_of_another_method_is_refused(check, tmp_path):
    """IA3's configuration has neither rank nor alpha."""
    path = write(tmp_path / "ia3", 1, layers=1)
    (path / "adapter_config.json").write_text('{"peft_type": "IA3", "target_modules": []}')
    with pytest.raises(AdapterError, match="Missing required configuration fields"):
        check([Adapter("ia3", 1, path, 8)])


def test_the_ranks_are_vllms(check):
    from vllm.config.lora import MaxLoRARanks

    assert typing.get_args(MaxLoRARanks) == RANKS
