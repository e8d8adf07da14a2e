"""Engine arguments for each GPU's memory and generation."""

import contextlib
import dataclasses
from pathlib import Path

import pytest

from granite.engine import gpu_profile
from granite.engine.memory import GIB
from granite.errors import SettingsError
from granite.model.weights import Weights
from granite.settings import Settings
from tests.machines import GPU, gpus


def build(gpu, **given):
    """`gpu`: all GPUs of the machine."""
    return gpu_profile.build(Settings(**given), dataclasses.replace(GPU, gpus=gpu), Weights(Path("tests/data")))


def refusal(gpu, **given):
    with pytest.raises(SettingsError) as caught:
        build(gpu, **given)
    return str(caught.value)


def l4(**changes):
    return (dataclasses.replace(gpus("L4")[0], **changes),)


EVERYWHERE = {"dtype": "bfloat16", "max_model_len": -1, "safetensors_load_strategy": "prefetch"}
FP8 = {"quantization": "fp8_per_tensor"}


@pytest.mark.parametrize(
    ("machine", "settings", "more"),
    [
        (gpus("H100"), {}, {}),
        # Of 364 answers; both APIs have 256 slots each.
        (gpus("H100"), {"openai_port": 8000}, {"max_num_seqs": 364, "watermark": 0.05}),
        (gpus("L4"), {}, {"max_num_seqs": 19, "watermark": 0.05}),
        (gpus("L4"), {"cog_max_concurrency": 19}, {}),
        (gpus("L4"), FP8, {"max_num_seqs": 68, "watermark": 0.05}),
        (gpus("L4"), FP8 | {"engine_args": {"kv_cache_dtype": "fp8"}}, {"max_num_seqs": 137, "watermark": 0.05}),
        (gpus("L4"), {"engine_args": {"gpu_memory_utilization": 0.9}}, {"max_num_seqs": 17, "watermark": 0.05}),
        (gpus("L4", 2), {"engine_args": {"tensor_parallel_size": 2}}, {"max_num_seqs": 139, "watermark": 0.05}),
        # Each copy has a cache of its own.
        (gpus("L4", 2), {"engine_args": {"data_parallel_size": 2}}, {"max_num_seqs": 19, "watermark": 0.05}),
        (gpus("H100") + gpus("L4"), {}, {"max_num_seqs": 19, "watermark": 0.05}),
        # vLLM itself refuses these.
        (gpus("H100"), {"engine_args": {"gpu_memory_utilization": "x", "attention_config": "x"}}, {}),
        (gpus("B200"), {}, {"attention_backend": "TRITON_ATTN"}),
        (gpus("B200"), {"engine_args": {"attention_config": {"backend": "FLASH_ATTN"}}}, {}),
        (l4(capability=(7, 5)), {"engine_args": {"dtype": "half"}}, {"max_num_seqs": 19, "watermark": 0.05}),
    ],
)
def test_what_fits_and_what_runs(machine, settings, more):
    assert build(machine, **settings) == EVERYWHERE | more


@pytest.mark.parametrize(
    ("machine", "settings", "sentence"),
    [
        (
            l4(memory=16 * GIB, free=16 * GIB),
            {},
            "1 x 16.0 GiB of GPU memory are too little: the weights take 15.2 GiB, and 0 tokens of KV cache fit beside them, "
            "less than one request of 1000; use a larger GPU, or set QUANTIZATION for FP8 weights.",
        ),
        (
            l4(memory=8 * GIB, free=8 * GIB),
            FP8,
            "1 x 8.0 GiB of GPU memory are too little: the weights take 7.8 GiB, and 0 tokens of KV cache fit beside them, "
            "less than one request of 1000; use a larger GPU.",
        ),
        (
            l4(name="Tesla T4", capability=(7, 5)),
            {},
            "The Tesla T4 has compute capability 7.5, but bfloat16 needs 8.0; use a newer GPU, such as an L4.",
        ),
        (
            gpus("A100-80"),
            {"quantization": "fp8_per_channel"},
            "QUANTIZATION=fp8_per_channel needs compute capability 8.9, but the NVIDIA A100-80 has 8.0; use fp8_per_tensor.",
        ),
        (
            l4(free=20 * GIB),
            {},
            "Of the NVIDIA L4's 22.0 GiB 20.0 are free, but vLLM takes 92%; end what else uses the GPU (`nvidia-smi` lists "
            "it), or lower gpu_memory_utilization in ENGINE_ARGS.",
        ),
    ],
)
def test_a_gpu_that_cannot_serve_is_one_sentence(machine, settings, sentence):
    assert refusal(machine, **settings) == sentence


BACKEND = {"attention_backend": "FLASHINFER"}


@pytest.mark.parametrize(
    ("name", "given", "cause"),
    [
        ("L4", {"kv_cache_dtype": "fp8_e4m3"}, "kv_cache_dtype fp8_e4m3"),
        ("H100", BACKEND, "attention backend FLASHINFER"),
        ("H100", {"attention_config": {"backend": "FLASHINFER"}}, "attention backend FLASHINFER"),
        ("H100", {"kv_cache_dtype": "fp8"}, None),
        ("L4", {"kv_cache_dtype": "fp8", "attention_backend": "TRITON_ATTN"}, None),
    ],
)
def test_what_would_compile_without_a_compiler_is_refused(name, given, cause):
    bare = dataclasses.replace(GPU, gpus=gpus(name), nvcc=False)
    with pytest.raises(SettingsError) if cause else contextlib.nullcontext() as caught:
        gpu_profile.build(Settings(engine_args=given), bare, Weights(Path("tests/data")))
    assert cause is None or str(caught.value) == (
        f"{cause} in ENGINE_ARGS needs FlashInfer on the NVIDIA {name}, which compiles with nvcc, and there is none; remove "
        "it, or install CUDA 13.0's toolkit and set CUDA_HOME."
    )
    assert build(gpus(name), engine_args=given)


def test_a_share_that_is_free_is_enough():
    assert build(l4(free=20 * GIB), engine_args={"gpu_memory_utilization": 0.9})
    assert build(l4(free=8 * GIB), engine_args={"kv_cache_memory_bytes": 2**30})
