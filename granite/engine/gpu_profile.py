"""Engine arguments for the GPUs there are: what fits into their memory, and what each generation can run. No vLLM here."""

from typing import Any

from granite.engine import cards, parallel
from granite.engine.memory import ANSWER, GIB, UTILIZATION, Budget, Model
from granite.errors import SettingsError
from granite.gpu import Gpu
from granite.hardware import Hardware
from granite.model.weights import Weights
from granite.settings import Settings

BFLOAT16 = (8, 0)
"""The lowest compute capability that has it."""


def build(settings: Settings, hardware: Hardware, weights: Weights) -> dict[str, Any]:
    """Raises SettingsError for what cannot work on these GPUs."""
    gpu = min(hardware.gpus, key=lambda gpu: gpu.memory)
    share = settings.engine_args.get("gpu_memory_utilization")
    budget = Budget(
        gpu.memory,
        settings.quantization,
        gpus=parallel.ranks_of_a_copy(settings),
        utilization=share if isinstance(share, float) else UTILIZATION,  # vLLM refuses what is no number
        fp8_cache=str(settings.engine_args.get("kv_cache_dtype")).startswith("fp8"),
        model=Model.read(weights.directory),
    )
    _check(gpu, budget, settings, hardware)
    return {
        "dtype": "bfloat16",
        # The longest context that the memory can hold; vLLM logs it.
        "max_model_len": -1,
        # Read local files ahead of the copy to the GPU.
        "safetensors_load_strategy": "prefetch",
        # max_num_batched_tokens is left to vLLM: it picks 8192 on an H100 and 2048 on an L4 or A100, where 8192 stalls
        # running streams for up to two seconds.
        **budget.sequences(settings.slots),
        **_attention(gpu, settings),
    }


def _check(gpu: Gpu, budget: Budget, settings: Settings, hardware: Hardware) -> None:
    """Raise SettingsError for what vLLM finds out in a process of its own, where it says less."""
    capability = ".".join(map(str, gpu.capability))
    if gpu.capability < BFLOAT16 and "dtype" not in settings.engine_args:
        raise SettingsError(
            f"The {gpu.name} has compute capability {capability}, but bfloat16 needs 8.0; use a newer GPU, such as an L4."
        )
    if settings.quantization == cards.PER_CHANNEL != (works := cards.fp8(gpu.capability)):
        raise SettingsError(
            f"QUANTIZATION={cards.PER_CHANNEL} needs compute capability 8.9, but the {gpu.name} has {capability}; use "
            f"{works}."
        )
    if not hardware.nvcc and (cause := _flashinfer(gpu, budget, settings)):
        raise SettingsError(
            f"{cause} in ENGINE_ARGS needs FlashInfer on the {gpu.name}, which compiles with nvcc, and there is none; remove "
            "it, or install CUDA 13.0's toolkit and set CUDA_HOME."
        )
    if "kv_cache_memory_bytes" in settings.engine_args:
        return
    if not budget.answers():
        raise SettingsError(
            f"{budget.gpus} x {gpu.memory / GIB:.1f} GiB of GPU memory are too little: the weights take "
            f"{budget.weights / GIB:.1f} GiB, and {budget.tokens} tokens of KV cache fit beside them, less than one request "
            f"of {ANSWER}; use a larger GPU{'' if budget.quantization else ', or set QUANTIZATION for FP8 weights'}."
        )
    if gpu.free < budget.utilization * gpu.memory:
        raise SettingsError(
            f"Of the {gpu.name}'s {gpu.memory / GIB:.1f} GiB {gpu.free / GIB:.1f} are free, but vLLM takes "
            f"{budget.utilization:.0%}; end what else uses the GPU (`nvidia-smi` lists it), or lower gpu_memory_utilization "
            "in ENGINE_ARGS."
        )


def _flashinfer(gpu: Gpu, budget: Budget, settings: Settings) -> str | None:
    """The engine argument for which vLLM computes attention by FlashInfer, if one does."""
    given = settings.engine_args
    configured = given.get("attention_config")
    backend = configured.get("backend") if isinstance(configured, dict) else given.get("attention_backend")
    if backend == "FLASHINFER":
        return "attention backend FLASHINFER"
    if budget.fp8_cache and not backend and gpu.capability < cards.FP8_CACHE:
        return f"kv_cache_dtype {given['kv_cache_dtype']}"
    return None


def _attention(gpu: Gpu, settings: Settings) -> dict[str, str]:
    """Nothing where the operator configures attention: vLLM refuses both ways at once."""
    chosen = cards.attention(gpu.capability)
    return {"attention_backend": chosen} if chosen and "attention_config" not in settings.engine_args else {}
