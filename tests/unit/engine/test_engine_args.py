"""vLLM's arguments and environment for the hardware."""

import dataclasses
from pathlib import Path

import pytest

from granite.engine import engine_args
from granite.model.adapters import Adapter
from granite.model.weights import Weights
from granite.settings import Settings
from tests import checkpoints
from tests.machines import CPU, GPU


@pytest.fixture
def build(tmp_path):
    weights = Weights(checkpoints.write(tmp_path))
    return lambda machine, loras=(), **given: engine_args.build(Settings(**given), machine, weights, loras)


@pytest.fixture
def common(tmp_path):
    return {
        "model": str(tmp_path),
        "served_model_name": "granite-3.3-8b-instruct",
        "quantization": None,
        "generation_config": "vllm",
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "max_num_seqs": 256,
    }


def test_a_gpu_serves_the_whole_context(build, common):
    """And vLLM chooses max_num_batched_tokens for the card."""
    profile = {"dtype": "bfloat16", "max_model_len": -1, "safetensors_load_strategy": "prefetch"}
    assert build(GPU) == common | profile


@pytest.mark.parametrize(("flag", "dtype"), [("avx512_vnni", "float32"), ("avx512_bf16", "bfloat16")])
def test_a_cpu_never_splits_a_prefill(build, common, flag, dtype):
    """The dtype is what the CPU has instructions for."""
    assert build(dataclasses.replace(CPU, cpu_flags=frozenset({flag}))) == common | {
        "dtype": dtype,
        "max_model_len": 8192,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": 8192,
        "kv_cache_memory_bytes": 2 * 2**30,
        "enforce_eager": False,
    }


def test_a_cpu_without_a_compiler_runs_eager(build):
    assert build(dataclasses.replace(CPU, compiler=False))["enforce_eager"] is True


def test_both_apis_share_the_sequences(build):
    assert build(CPU, cog_max_concurrency=32)["max_num_seqs"] == 32
    assert build(CPU, cog_max_concurrency=32, openai_port=8000, openai_max_concurrency=8)["max_num_seqs"] == 40


def test_engine_args_override_the_profile(build):
    given = {"max_model_len": 4096, "enforce_eager": True}
    arguments = build(GPU, engine_args=given, quantization="fp8_per_channel")
    assert arguments == build(GPU) | given | {"quantization": "fp8_per_channel"}


@pytest.mark.parametrize(
    ("hardware", "arguments"),
    [
        (GPU, {"max_loras": 8, "max_cpu_loras": 9, "max_lora_rank": 64}),
        (CPU, {"max_loras": 10, "max_cpu_loras": 10, "max_lora_rank": 64, "enforce_eager": True}),
    ],
)
def test_adapters_add_only_loras_arguments(build, hardware, arguments):
    """On a CPU one slot more than there are adapters stays empty: requests without an adapter get what it holds."""
    adapters = tuple(Adapter(f"a{rank}", rank, Path(f"/adapters/a{rank}"), rank + 31) for rank in range(1, 10))
    assert build(hardware, adapters) == build(hardware) | {"enable_lora": True} | arguments


@pytest.mark.parametrize(
    ("sizes", "changed"),
    [
        ({"tensor_parallel_size": 5}, {"kv_cache_memory_bytes": 2**29, "enforce_eager": True}),
        ({"data_parallel_size": 2}, {"kv_cache_memory_bytes": 2**30, "enforce_eager": True}),
    ],
)
def test_ranks_on_a_cpu_share_its_memory(build, sizes, changed):
    """vLLM reads the size as that of each rank."""
    assert build(CPU, engine_args=sizes) == build(CPU) | sizes | changed


def test_the_environment_follows_the_hardware():
    assert engine_args.environment(GPU, 8) == {"VLLM_NO_USAGE_STATS": "1", "VLLM_USE_FLASHINFER_SAMPLER": "0"}
    assert engine_args.environment(CPU, 3) == {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "0|1|1",
        "VLLM_USE_AOT_COMPILE": "0",
    }
