"""vLLM's engine arguments and environment for the hardware, each with its reason. No vLLM here.

`ENGINE_ARGS` is merged over them: any argument of vLLM's AsyncEngineArgs by its own name.
"""

import os
import sysconfig
from collections.abc import Collection, MutableMapping, Sequence
from typing import Any

from granite import cache
from granite.engine import gpu_profile, parallel
from granite.errors import SettingsError, suggestion
from granite.hardware import Hardware
from granite.model.adapters import Adapter, max_lora_rank
from granite.model.weights import Weights
from granite.settings import Settings

CPU_CACHE, MIN_CPU_CACHE = 2 * 2**30, 2**29
"""Bytes for keys and values, of all ranks together and of one: half a GiB holds one whole context of the demo model."""

CPU_CONTEXT = 8192
"""Tokens. The demo model was trained on no more, and on a CPU a prompt is prefilled in one piece."""

MAX_LORAS = 8
"""Adapters in one batch on a GPU: each takes memory beside the model's, used or not. Requests for a ninth wait."""

COMPILED = {
    "VLLM_CACHE_ROOT": "vllm",
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",
    "TRITON_CACHE_DIR": "triton",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
    "HUMMING_TMP_DIR": "humming/tmp",  # vLLM imports it, which makes this directory
    "HUMMING_CACHE_DIR": "humming",
    "CUDA_CACHE_PATH": "cuda",  # the driver's
}
"""Where what is compiled at start is kept: the variable, and the directory in our cache."""

SETUP_SECONDS = "1800"
"""For the engine to start, unless COG_SETUP_TIMEOUT says how long Cog waits."""


def build(settings: Settings, hardware: Hardware, weights: Weights, adapters: Sequence[Adapter]) -> dict[str, Any]:
    """Build the keyword arguments of AsyncEngineArgs. Raises SettingsError for what this hardware cannot do."""
    parallel.check(settings, hardware, weights)
    return {
        "model": str(weights.directory),
        "served_model_name": weights.name,
        "quantization": settings.quantization,
        # The caller's sampling parameters are the only ones: generation_config.json would add its own.
        "generation_config": "vllm",
        # JSON without free white space: where any is allowed, a small model fills max_tokens with line breaks.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "max_num_seqs": settings.slots,
        **(gpu_profile.build(settings, hardware, weights) if hardware.gpus else _cpu(hardware, settings)),
        **(_lora(hardware, adapters) if adapters else {}),
        **settings.engine_args,
    }


def check_names(arguments: dict[str, Any], known: Collection[str]) -> None:
    """Raise SettingsError for the first argument that vLLM does not have. `known`: those of AsyncEngineArgs."""
    for name in arguments:
        if name not in known:
            raise SettingsError(f"ENGINE_ARGS has an unknown engine argument `{name}`; {suggestion(name, known)}")


def set_environment(settings: Settings, hardware: Hardware, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what vLLM reads from the environment, unless the operator has. Call before vLLM is imported."""
    environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    # xgrammar 0.2.8 takes grammars that differ only in token ids for the same one: a caller's structural tag would break
    # every later forced call. Without its cache each grammar is compiled anew, in some 15 ms.
    environ.setdefault("VLLM_XGRAMMAR_CACHE_MB", "0")
    # By default some of it is in /tmp, ~/.triton, ~/.nv and others of a home, which a container loses.
    for name, folder in COMPILED.items():
        environ.setdefault(name, str(cache.directory() / folder))
    # What compiles when the engine starts calls programs that pip put beside this Python, such as ninja.
    scripts, path = sysconfig.get_path("scripts"), environ.get("PATH", os.defpath)
    if scripts not in path.split(os.pathsep):
        environ["PATH"] = f"{path}{os.pathsep}{scripts}"
    # vLLM's own limit of 600 s would end a cold start before Cog does.
    environ.setdefault("VLLM_ENGINE_READY_TIMEOUT_S", environ.get("COG_SETUP_TIMEOUT") or SETUP_SECONDS)
    if hardware.gpus:
        # As `vllm serve` has it, and vLLM on a CPU. The default, fork, is unsafe beside native threads, and the engine
        # would inherit coglet's stdout: nobody reads what it then logs, the cause of a failed start included.
        environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
        # FlashInfer's sampler compiles itself at start-up, which fails on a host without nvcc or ninja. vLLM does not use
        # it for a request with a seed, and every request here has one.
        environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    else:
        groups = parallel.core_groups(hardware.cores, parallel.ranks(settings))
        # "auto" leaves one of two cores idle, and expects a memory node for each rank.
        environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "|".join(",".join(map(str, group)) for group in groups))
        # The ahead-of-time artifact fails to load on a CPU, and the model is silently compiled again.
        environ.setdefault("VLLM_USE_AOT_COMPILE", "0")


def _cpu(hardware: Hardware, settings: Settings) -> dict[str, Any]:
    ranks = parallel.ranks(settings)
    return {
        "dtype": "bfloat16" if hardware.bfloat16 else "float32",
        # Importing it silences a warning for each tensor.
        "worker_extension_cls": "granite.engine.worker.QuietWorker",
        "max_model_len": CPU_CONTEXT,
        # A seeded request whose prefill is split kills the CPU engine ("CPU Generator does not use offset"), and every
        # request here has a seed. So the longest prompt must fit into one batch.
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": CPU_CONTEXT,
        # For each rank.
        "kv_cache_memory_bytes": max(CPU_CACHE // ranks, MIN_CPU_CACHE),
        # Compiled is faster, but needs a compiler, and several ranks would each compile, on the same cores.
        "enforce_eager": ranks > 1 or not hardware.compiler,
    }


def _lora(hardware: Hardware, adapters: Sequence[Adapter]) -> dict[str, Any]:
    """Only with adapters: otherwise the model runs without LoRA's layers."""
    arguments = {"enable_lora": True, "max_lora_rank": max_lora_rank(adapters)}
    if hardware.gpus:
        # All stay in CPU memory: an evicted one would be read from the disk in the middle of a request.
        return arguments | {"max_loras": min(len(adapters), MAX_LORAS), "max_cpu_loras": len(adapters)}
    # On a CPU vLLM 0.32 adds the adapter in its last slot to requests without one, so that slot must stay empty
    # (github.com/vllm-project/vllm/pull/48421). And beside LoRA it never compiles there, whatever this says.
    slots = len(adapters) + 1
    return arguments | {"max_loras": slots, "max_cpu_loras": slots, "enforce_eager": True}
