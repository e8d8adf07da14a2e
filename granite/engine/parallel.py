"""How many processes compute for one server: the parallel sizes of ENGINE_ARGS, and which cannot work. No vLLM here.

Tensor parallel: each rank holds a part of every layer, and all compute each token together. Data parallel: each rank
holds the whole model and serves requests of its own. A rank is one GPU, or on a CPU one process with its own cores.
"""

from __future__ import annotations

import json
import math
from typing import Any

from granite.errors import SettingsError
from granite.hardware import Hardware
from granite.model.weights import Weights
from granite.settings import Settings

TENSOR, DATA, PIPELINE = "tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size"
BACKENDS = ("distributed_executor_backend", "data_parallel_backend")

VOCABULARY_PADDING = 64
"""vLLM pads the vocabulary to a multiple of this many rows before it shares them out."""


def ranks(settings: Settings) -> int:
    """How many ranks one server has. Raises SettingsError for an invalid size."""
    return math.prod(_sizes(settings).values())


def check(settings: Settings, hardware: Hardware, weights: Weights) -> None:
    """Raise SettingsError for what vLLM would find out minutes later, or only at a request."""
    sizes = _sizes(settings)
    if hardware.gpu:
        _check_gpus(settings, hardware, sizes)
    else:
        _check_cpu(settings, sizes)
    rows = json.loads((weights.directory / "config.json").read_bytes()).get("vocab_size", 0)
    padded = math.ceil(rows / VOCABULARY_PADDING) * VOCABULARY_PADDING
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


def _check_gpus(settings: Settings, hardware: Hardware, sizes: dict[str, int]) -> None:
    given, count = settings.engine_args, math.prod(sizes.values())
    is_spread = given.get("nnodes", 1) != 1 or "data_parallel_size_local" in given  # over several machines
    is_spread = is_spread or any(given.get(backend) == "ray" for backend in BACKENDS)
    if not is_spread and hardware.gpus is not None and count > hardware.gpus:
        product = " x ".join(f"{name} {size}" for name, size in sizes.items())
        raise SettingsError(
            f"ENGINE_ARGS needs {count} GPUs ({product}), but this machine has {hardware.gpus}; lower a size or add GPUs."
        )


def _check_cpu(settings: Settings, sizes: dict[str, int]) -> None:
    if sizes[PIPELINE] > 1:
        raise _invalid(
            PIPELINE, sizes[PIPELINE], f"pipeline parallelism crashes vLLM on a CPU; use {TENSOR} or {DATA}."
        )
    for backend in BACKENDS:
        if settings.engine_args.get(backend) == "ray":
            raise _invalid(backend, "ray", "vLLM does not support Ray on a CPU; remove it.")


def _invalid(name: str, value: Any, reason: str) -> SettingsError:
    return SettingsError(f"ENGINE_ARGS={json.dumps({name: value})} is invalid: {reason}")
