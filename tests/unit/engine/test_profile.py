"""vLLM's arguments for the hardware at hand."""

from pathlib import Path

import pytest

from granite import hardware
from granite.engine import engine_args as profile
from granite.model.adapters import Adapter
from granite.model.weights import Weights
from granite.settings import Settings

WEIGHTS = Weights(Path("/models/granite"))
COMMON = {
    "model": "/models/granite",
    "served_model_name": "granite-3.3-8b-instruct",
    "quantization": None,
    "generation_config": "vllm",
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
}


def test_one_gpu_serves_the_whole_context_in_a_servers_batches(monkeypatch):
    """The decorator's 256 predictions fit into one batch."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    assert profile.engine_args(WEIGHTS, Settings()) == COMMON | {
        "dtype": "bfloat16",
        "max_model_len": -1,
        "max_num_batched_tokens": 8192,
        "max_num_seqs": 256,
        "safetensors_load_strategy": "prefetch",
    }


@pytest.mark.parametrize(("flags", "dtype"), [({"avx512_vnni"}, "float32"), ({"avx512_bf16"}, "bfloat16")])
def test_a_cpu_never_splits_a_prefill(monkeypatch, flags, dtype):
    """So a whole context fits into one batch; the type is what the CPU has instructions for."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    monkeypatch.setattr(hardware, "cpu_flags", lambda: flags)
    monkeypatch.setattr(hardware, "has_compiler", lambda: True)
    assert profile.engine_args(WEIGHTS, Settings(cog_max_concurrency=32)) == COMMON | {
        "dtype": dtype,
        "max_model_len": 8192,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": 8192,
        "max_num_seqs": 32,
        "kv_cache_memory_bytes": 2 * 2**30,
        "enforce_eager": False,
    }


def test_engine_args_are_laid_over_the_profile(monkeypatch):
    """Also over what the profile says itself."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    settings = Settings(engine_args={"max_model_len": 4096, "tensor_parallel_size": 2}, quantization="fp8_per_channel")
    arguments = profile.engine_args(WEIGHTS, settings)
    assert (arguments["max_model_len"], arguments["tensor_parallel_size"]) == (4096, 2)
    assert arguments["quantization"] == "fp8_per_channel"


@pytest.mark.parametrize(
    ("gpu", "arguments"),
    [
        (True, {"max_loras": 8, "max_cpu_loras": 9, "max_lora_rank": 64}),
        (False, {"max_loras": 10, "max_cpu_loras": 10, "max_lora_rank": 64, "enforce_eager": True}),
    ],
)
def test_adapters_are_all_that_changes(monkeypatch, gpu, arguments):
    """On a CPU one place more than there are adapters stays empty: requests without one get what it holds."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    adapters = tuple(Adapter(f"a{rank}", rank, Path(f"/adapters/a{rank}"), rank + 31) for rank in range(1, 10))
    plain = profile.engine_args(WEIGHTS, Settings())
    assert profile.engine_args(WEIGHTS, Settings(), adapters) == plain | {"enable_lora": True} | arguments
