"""How many processes compute for one server: the parallel sizes of ENGINE_ARGS, and which cannot work. No vLLM here.

Tensor parallel: each rank holds a part of every layer, and all compute each token together. Data parallel: each rank
holds the whole model and serves requests of its own. A rank is one GPU, or on a CPU one process with its own cores.
"""

import json
import math
from typing import Any

from granite.errors import SettingsError
from granite.hardware import Hardware
from granite.model.weights import Weights
from granite.settings import Settings

SHARED_MEMORY = 256 * 2**20
"""Bytes that must be free in /dev/shm when workers are separate processes, for vLLM's message queues."""

TENSOR, DATA, PIPELINE = "tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size"


def ranks(settings: Settings) -> int:
    """How many ranks one server has. Raises SettingsError for an invalid size."""
    return math.prod(_sizes(settings).values())


def ranks_of_a_copy(settings: Settings) -> int:
    """How many ranks share one copy of the model."""
    sizes = _sizes(settings)
    return sizes[TENSOR] * sizes[PIPELINE]


def check(settings: Settings, hardware: Hardware, weights: Weights) -> None:
    """Raise SettingsError for what vLLM would find out minutes later, or only at a request."""
    sizes, count, given = _sizes(settings), ranks(settings), settings.engine_args
    ray = "ray" in (given.get("distributed_executor_backend"), given.get("data_parallel_backend"))
    several_machines = ray or given.get("nnodes", 1) != 1 or "data_parallel_size_local" in given
    gpus = len(hardware.gpus)
    if gpus and count > gpus and not several_machines:
        product = " x ".join(f"{name} {size}" for name, size in sizes.items())
        raise SettingsError(
            f"ENGINE_ARGS needs {count} GPUs ({product}), but this machine has {gpus}; lower a size or add GPUs."
        )
    if not gpus and sizes[PIPELINE] > 1:
        raise _invalid(PIPELINE, sizes[PIPELINE], f"it crashes vLLM on a CPU; use {TENSOR} or {DATA}.")
    free = hardware.shared_memory
    if (count > 1 or not gpus) and free is not None and free < SHARED_MEMORY:
        raise SettingsError(
            f"/dev/shm has {free >> 20} MiB free, and vLLM's processes need {SHARED_MEMORY >> 20} MiB; start the container "
            "with --shm-size 1g (in Compose: shm_size; in Kubernetes: a volume in memory)."
        )
    rows = json.loads((weights.directory / "config.json").read_bytes()).get("vocab_size", 0)
    padded = math.ceil(rows / 64) * 64  # as vLLM pads it before it shares the rows out
    if padded % sizes[TENSOR]:
        raise _invalid(TENSOR, sizes[TENSOR], f"it must divide the {padded} rows of the padded vocabulary.")


def core_groups(cores: tuple[int, ...], ranks: int) -> list[tuple[int, ...]]:
    """Share the cores out as evenly as possible; with fewer cores than ranks some ranks share one."""
    ends = [-(-(rank + 1) * len(cores) // ranks) for rank in range(ranks)]
    return [cores[min(begin, end - 1) : end] for begin, end in zip([0, *ends], ends, strict=False)]


def _sizes(settings: Settings) -> dict[str, int]:
    sizes = {name: settings.engine_args.get(name, 1) for name in (TENSOR, DATA, PIPELINE)}
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise _invalid(name, size, "it must be a whole number of at least 1.")
    return sizes


def _invalid(name: str, value: Any, reason: str) -> SettingsError:
    return SettingsError(f"ENGINE_ARGS={json.dumps({name: value})} is invalid: {reason}")
