"""The arithmetic of GPU memory, against numbers worked out by hand."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest

from granite.engine.memory import GRANITE, UTILIZATION, Budget, Model

H100 = 84_943_715_697
"""79.11 GiB."""


def test_the_parameters_add_up_to_8_17_billion():
    attention = 2 * 4096 * 4096 + 2 * 4096 * 1024  # queries and output, keys and values
    layer = attention + 3 * 4096 * 12_800
    assert layer == 41_943_040 + 157_286_400 == 199_229_440
    assert GRANITE.linear == 40 * layer == 7_969_177_600
    assert GRANITE.parameters == 7_969_177_600 + 201_355_264 + 331_776 == 8_170_864_640  # embeddings, 81 norms


def test_weights_take_two_bytes_and_fp8_layers_one():
    assert GRANITE.weights() == 16_341_729_280
    assert GRANITE.weights("fp8_per_channel") == 7_969_177_600 + 2 * 201_687_040 == 8_372_551_680


def test_a_token_of_cache_is_160_kib():
    assert GRANITE.kv_bytes == 2 * 40 * 8 * 128 * 2 == 163_840


def test_an_h100():
    budget = Budget(H100)
    assert budget.usable == 78_148_218_441  # 92 %
    assert budget.cache == 78_148_218_441 - 16_341_729_280 - 2_147_483_648 == 59_659_005_513
    assert budget.tokens == 364_129  # 59,659,005,513 / 163,840
    assert budget.context == 131_072  # the model's
    assert (budget.answers(), budget.answers(131_072)) == (364, 2)
    assert Budget(H100, "fp8_per_channel").tokens == 412_769  # 7,969,177,600 / 163,840 = 48,640 more


def test_the_speed_of_an_h100():
    """3,350 GB/s read 16.34 GB of weights, and 0.16384 GB of cache for each answer of 1,000 tokens."""
    budget = Budget(H100)
    assert budget.rate(3350 * 10**9, 1) == pytest.approx(3350 / (16.34172928 + 0.16384))
    assert budget.rate(3350 * 10**9, 364) == pytest.approx(364 * 3350 / (16.34172928 + 364 * 0.16384))
    assert budget.rate(3350 * 10**9, 1, 131_072) == pytest.approx(3350 / (16.34172928 + 21.47483648))


def test_two_gpus_hold_the_weights_once_and_read_them_together():
    budget = Budget(H100, gpus=2)
    assert budget.tokens == (2 * H100 * 92 // 100 - 16_341_729_280 - 2 * 2_147_483_648) // 163_840 == 828_001
    assert budget.rate(3350 * 10**9, 1) == 2 * Budget(H100).rate(3350 * 10**9, 1)


def test_no_more_sequences_are_admitted_than_have_room():
    assert Budget(H100).sequences(364) == {}
    assert Budget(H100).sequences(365) == {"max_num_seqs": 364, "watermark": 0.05}


def test_an_fp8_cache_holds_twice_the_tokens_and_another_share_of_the_memory_what_it_leaves():
    assert Budget(H100, fp8_cache=True).tokens == 59_659_005_513 // 81_920 == 728_259
    assert Budget(H100, utilization=0.5).tokens == (H100 // 2 - 16_341_729_280 - 2_147_483_648) // 163_840


def test_the_model_is_read_from_its_directory(tmp_path):
    config = json.loads(Path("tests/data/config.json").read_text())
    for quantized in ({}, {"quantization_config": {"quant_method": "compressed-tensors"}}):
        (tmp_path / "config.json").write_text(json.dumps(config | quantized))
        assert Model.read(tmp_path) == dataclasses.replace(GRANITE, fp8=bool(quantized))
    assert Model.read(tmp_path).weights() == GRANITE.weights("fp8_per_channel")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("config/cache.py", f"gpu_memory_utilization: float = Field(default={UTILIZATION}, gt=0, le=1)"),
        ("engine/arg_utils.py", "if device_memory >= 160 * GiB_bytes:"),
        ("engine/arg_utils.py", 'elif device_memory >= 70 * GiB_bytes and "a100" not in device_name:'),
        ("model_executor/layers/quantization/online/fp8.py", '"weight-only. Requires SM89+ for Cutlass FP8'),
        ("v1/attention/backends/fa_utils.py", "return (sm90_fp8_kv_supported and is_sm90) or ("),
    ],
)
def test_what_was_read_in_vllm_still_says_so(file, line):
    package = Path(importlib.util.find_spec("vllm").origin).parent
    assert line in (package / file).read_text()
