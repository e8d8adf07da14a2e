"""The arithmetic of GPU memory, against numbers worked out by hand."""

import importlib.util
from pathlib import Path

import pytest

from granite.engine.memory import GIB, GRANITE, UTILIZATION, Budget, Profile, profile
from granite.errors import SettingsError

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


def test_slots_that_have_room_are_all_admitted():
    assert profile(Budget(H100), slots=256) == Profile(364_129, max_num_seqs=256, watermark=0.0, warning="")


def test_slots_beyond_the_cache_wait():
    """92 % of 24 GiB is 23,708,219,473 bytes; less 16,341,729,280 and 2,147,483,648, for 163,840 each."""
    warning = (
        "256 requests of 1,000 tokens need 256,000 tokens of KV cache, and about 31,854 fit: 31 run at once and the others "
        "wait; lower COG_MAX_CONCURRENCY to refuse them instead."
    )
    assert profile(Budget(24 * GIB), slots=256) == Profile(31_854, max_num_seqs=31, watermark=0.05, warning=warning)
    assert profile(Budget(24 * GIB), slots=31) == Profile(31_854, max_num_seqs=31, watermark=0.0, warning="")


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        (
            Budget(16 * GIB),
            "1 x 16.0 GiB of GPU memory is too little: the weights take 15.2 GiB, and 0 tokens of KV cache fit beside them; "
            "set QUANTIZATION for FP8 weights, or use a larger GPU.",
        ),
        (
            Budget(8 * GIB, "fp8_per_tensor"),
            "1 x 8.0 GiB of GPU memory is too little: the weights take 7.8 GiB, and 0 tokens of KV cache fit beside them; "
            "use a larger GPU.",
        ),
    ],
)
def test_a_gpu_without_room_for_one_request_is_one_sentence(budget, sentence):
    with pytest.raises(SettingsError) as caught:
        profile(budget, slots=256)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("config/cache.py", f"gpu_memory_utilization: float = Field(default={UTILIZATION / 100}, gt=0, le=1)"),
        ("engine/arg_utils.py", "if device_memory >= 160 * GiB_bytes:"),
        ("engine/arg_utils.py", 'elif device_memory >= 70 * GiB_bytes and "a100" not in device_name:'),
        ("model_executor/layers/quantization/online/fp8.py", '"weight-only. Requires SM89+ for Cutlass FP8'),
        ("v1/attention/backends/fa_utils.py", "return (sm90_fp8_kv_supported and is_sm90) or ("),
    ],
)
def test_what_was_read_in_vllm_still_says_so(file, line):
    package = Path(importlib.util.find_spec("vllm").origin).parent
    assert line in (package / file).read_text()
