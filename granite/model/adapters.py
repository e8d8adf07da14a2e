"""The LoRA adapters that requests may name: the subdirectories of `ADAPTERS`, checked before vLLM is imported.

Format: PEFT's (github.com/huggingface/peft), `adapter_config.json` beside `adapter_model.safetensors`. Shapes are
compared with the model's, because vLLM loads an adapter that was trained for a smaller model and answers nonsense.
vLLM checks PEFT's other rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from granite.errors import AdapterError, SettingsError, WeightsError
from granite.model import checkpoint
from granite.model.checkpoint import Shapes
from granite.model.weights import Weights
from granite.settings import Settings

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values of vLLM's max_lora_rank."""

FACTOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
"""PEFT's name of a factor of the change of one module, which is B·A."""


@dataclass(frozen=True)
class Adapter:
    name: str
    id: int
    """From 1, in the order of the names."""
    path: Path
    rank: int
    """The highest of any module."""


def find(settings: Settings, weights: Weights) -> tuple[Adapter, ...]:
    """Find the adapters, in the order of their names; none without `ADAPTERS`. Raises SettingsError and AdapterError."""
    directory = settings.adapters
    if directory is None:
        return ()
    if not directory.is_dir():
        raise SettingsError(f"ADAPTERS={directory} is invalid: not a directory.")
    # Hidden directories belong to tools, such as the versions behind a Kubernetes volume.
    paths = sorted(path for path in directory.absolute().iterdir() if path.is_dir() and not path.name.startswith("."))
    if not paths:
        raise SettingsError(
            f"ADAPTERS={directory} is invalid: it has no subdirectories; give each LoRA adapter one, or unset ADAPTERS."
        )
    served = settings.engine_args.get("served_model_name") or weights.name
    model = checkpoint.shapes(weights.directory)
    adapters = []
    for number, path in enumerate(paths, start=1):
        if path.name in ([served] if isinstance(served, str) else served):
            raise AdapterError(f"{path} has the name of the model itself; rename the directory.")
        adapters.append(Adapter(path.name, number, path, _check(path, model)))
    return tuple(adapters)


def max_lora_rank(adapters: Sequence[Adapter]) -> int:
    """The lowest of vLLM's ranks that holds every adapter."""
    return min(rank for rank in RANKS if rank >= max(adapter.rank for adapter in adapters))


def _check(path: Path, model: Shapes) -> int:
    """Check one adapter and return its rank."""
    fix = f"copy the adapter into {path} again, or remove that directory"
    try:
        config = checkpoint.read_json(path / CONFIG, fix)
        tensors = checkpoint.read_shapes(path / TENSORS, fix)
    except WeightsError as error:
        raise AdapterError(str(error)) from None
    _compare(path / TENSORS, tensors, model)
    return _rank(path / CONFIG, config)


def _rank(path: Path, config: dict[str, Any]) -> int:
    pattern = config.get("rank_pattern")
    ranks = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())]
    for rank in ranks:
        if type(rank) is not int or not RANKS[0] <= rank <= RANKS[-1]:
            bounds = f"a whole number from {RANKS[0]} to {RANKS[-1]}"
            raise AdapterError(f"{path} has the rank {rank}, but vLLM needs {bounds}; remove {path.parent}.")
    return int(max(ranks))


def _compare(path: Path, tensors: Shapes, model: Shapes) -> None:
    """Raise AdapterError if the adapter changes a module that the model lacks or has in another size."""
    fix = f"use an adapter that was trained for this model, or remove {path.parent}"
    factors = {match: shape for name, shape in tensors.items() if (match := FACTOR.fullmatch(name))}
    if not factors:
        raise AdapterError(f"{path} has no LoRA tensors; {fix}.")
    for factor, shape in factors.items():
        module, side = factor["module"], factor["side"]
        # Left to vLLM: quantized weights, which have other shapes, and an output layer shared with the input.
        own = model.get(f"{module}.weight")
        if own is None and ".layers." in module and not any(tensor.startswith(f"{module}.") for tensor in model):
            raise AdapterError(f"{path} changes {module}, which the model does not have; {fix}.")
        if own and len(own) == len(shape) == 2 and (shape[1] != own[1] if side == "A" else shape[0] != own[0]):
            raise AdapterError(f"{path} changes {module} of {own} by a factor {side} of {shape}; {fix}.")
