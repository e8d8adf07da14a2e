"""vLLM's engine arguments for the hardware at hand, each with its reason. No vLLM here.

`ENGINE_ARGS` is merged over them: any argument of vLLM's AsyncEngineArgs by its own name.
"""

from __future__ import annotations

import os
from typing import Any

from granite import hardware
from granite.engine.parallel import Parallel, core_groups
from granite.model import adapters as lora
from granite.model.adapters import Adapter
from granite.model.weights import Weights
from granite.settings import Settings

CPU_CACHE, LEAST_CPU_CACHE = 2 * 2**30, 2**29
"""Bytes for keys and values, of all ranks together and of one: half a GiB holds one whole context of the demo model."""

CPU_CONTEXT = 8192
"""Tokens. The demo model was trained on no more, and on a CPU a prompt is prefilled in one piece."""

_COMMON: dict[str, Any] = {
    # The caller's numbers are the only ones: generation_config.json would add its own.
    "generation_config": "vllm",
    # One JSON schema white space for all: a small model fills max_tokens with newlines where any is allowed.
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
}


MOST_LORAS = 8
"""Adapters in one batch: each takes memory beside the model's, whoever uses it. Requests for a ninth wait."""


def engine_args(weights: Weights, settings: Settings, adapters: tuple[Adapter, ...] = ()) -> dict[str, Any]:
    """The keyword arguments of vLLM's AsyncEngineArgs."""
    profile = gpu_profile(settings) if hardware.has_gpu() else cpu_profile(settings)
    if adapters:
        profile |= _lora(adapters)
    return {"model": str(weights.directory), "served_model_name": weights.name, **profile, **settings.engine_args}


def gpu_profile(settings: Settings) -> dict[str, Any]:
    """One GPU; tensor and data parallel are ENGINE_ARGS."""
    return {
        "dtype": "bfloat16",
        "quantization": settings.quantization,
        # Fits the longest context into the memory that is left; vLLM logs which.
        "max_model_len": -1,
        # AsyncLLM's own defaults, 2048 and 128, are a library's; 8192 is what `vllm serve` takes where there are 70 GiB.
        "max_num_batched_tokens": 8192,
        "max_num_seqs": max(settings.cog_max_concurrency + settings.openai_places, 256),
        # Reads local files ahead of the copy to the GPU.
        "safetensors_load_strategy": "prefetch",
        **_COMMON,
    }


def cpu_profile(settings: Settings) -> dict[str, Any]:
    ranks = Parallel.asked(settings).ranks
    return {
        "dtype": "bfloat16" if hardware.bfloat16_flag(hardware.cpu_flags()) else "float32",
        "quantization": settings.quantization,
        "max_model_len": CPU_CONTEXT,
        # A seeded request whose prefill is split kills the CPU engine ("CPU Generator does not use offset"), and
        # every request here has a seed.
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": CPU_CONTEXT,
        "max_num_seqs": settings.cog_max_concurrency + settings.openai_places,
        # vLLM takes it for each rank.
        "kv_cache_memory_bytes": max(CPU_CACHE // ranks, LEAST_CPU_CACHE),
        # Compiled is faster, where it can be compiled; several ranks would each compile, on the same cores.
        "enforce_eager": ranks > 1 or not hardware.has_compiler(),
        **_COMMON,
    }


def _lora(adapters: tuple[Adapter, ...]) -> dict[str, Any]:
    """Without adapters nothing of it is set: the model then runs without LoRA's layers."""
    gpu, rank = hardware.has_gpu(), lora.room(adapters)
    if gpu:
        # All stay in memory: one that fell out would be read from the disk again, in the middle of a request.
        return {
            "enable_lora": True,
            "max_loras": min(len(adapters), MOST_LORAS),
            "max_cpu_loras": len(adapters),
            "max_lora_rank": rank,
        }
    # On a CPU vLLM 0.32 adds the last of its places to the requests that name no adapter: it has to stay empty
    # (github.com/vllm-project/vllm/pull/48421). And vLLM compiles nothing beside LoRA there, whatever it is told.
    places = len(adapters) + 1
    return {
        "enable_lora": True,
        "max_loras": places,
        "max_cpu_loras": places,
        "max_lora_rank": rank,
        "enforce_eager": True,
    }


def cpu_environment(ranks: int = 1) -> dict[str, str]:
    """What vLLM's CPU back end reads from the environment, where the operator has not set it."""
    groups = core_groups(hardware.cores(), ranks)
    return {
        # "auto" leaves one of two cores idle, and takes a rank for each memory node.
        "VLLM_CPU_OMP_THREADS_BIND": "|".join(",".join(str(core) for core in group) for group in groups),
        # The ahead-of-time artifact fails to load on a CPU, and the model is silently compiled again.
        "VLLM_USE_AOT_COMPILE": "0",
    }


GPU_ENVIRONMENT = {
    # FlashInfer's sampler compiles itself at start-up, for which a host without nvcc or ninja has no tools. vLLM does not
    # use it for a request with a seed, and every request here has one.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}


def set_environment(settings: Settings | None = None) -> None:
    """Before vLLM is imported. Without settings for one rank."""
    ranks = Parallel.asked(settings).ranks if settings else 1
    environment = {"VLLM_NO_USAGE_STATS": "1", **(GPU_ENVIRONMENT if hardware.has_gpu() else cpu_environment(ranks))}
    for name, value in environment.items():
        os.environ.setdefault(name, value)
