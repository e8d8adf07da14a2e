"""The LoRA adapters that requests may name: the subdirectories of `ADAPTERS`, checked before vLLM is imported.

Format: PEFT's (github.com/huggingface/peft), `adapter_config.json` beside `adapter_model.safetensors`. Shapes are
compared with the model's, because vLLM loads an adapter that was trained for a smaller model and answers nonsense.
vLLM checks PEFT's other rules.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from granite.errors import AdapterError, SettingsError
from granite.model import checkpoint
from granite.model.checkpoint import Shapes
from granite.model.weights import Weights
from granite.settings import Settings

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values of vLLM's max_lora_rank."""

FACTOR = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
"""PEFT's name of a factor, A or B, of the change of one module, which is B·A."""


@dataclass(frozen=True)
class Adapter:
    name: str
    id: int
    """From 1, in the order of the names."""
    path: Path
    rank: int
    """The highest of any module."""


def find(settings: Settings, weights: Weights) -> tuple[Adapter, ...]:
    """Find and check the adapters, in the order of their names; none without `ADAPTERS`. Raises OperatorError."""
    directory = settings.adapters
    if directory is None:
        return ()
    # Hidden directories belong to tools, such as the versions behind a Kubernetes volume.
    paths = sorted(path for path in directory.absolute().glob("[!.]*") if path.is_dir())
    if not paths:
        raise SettingsError(f"ADAPTERS={directory} is invalid: not a directory with a subdirectory for each adapter.")
    served = settings.engine_args.get("served_model_name") or weights.name
    model = checkpoint.shapes(weights.directory)
    for path in paths:
        if path.name in ([served] if isinstance(served, str) else served):
            raise AdapterError(f"{path} has the name of the model itself; rename the directory.")
    return tuple(Adapter(path.name, number, path, _check(path, model)) for number, path in enumerate(paths, start=1))


def max_lora_rank(adapters: Sequence[Adapter]) -> int:
    """The lowest of vLLM's ranks that holds every adapter."""
    return min(rank for rank in RANKS if rank >= max(adapter.rank for adapter in adapters))


def _check(path: Path, model: Shapes) -> int:
    """Check one adapter and return its rank."""
    fix = f"copy the adapter into {path} again, or remove that directory"
    config = checkpoint.read_json(path / CONFIG, fix)
    _compare(path / TENSORS, checkpoint.read_shapes(path / TENSORS, fix), model)
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    for rank in ranks:
        if rank not in range(1, RANKS[-1] + 1):
            raise AdapterError(f"{path / CONFIG} has the rank {rank}, but vLLM takes 1 to {RANKS[-1]}; remove {path}.")
    return int(max(ranks))


def _compare(path: Path, tensors: Shapes, model: Shapes) -> None:
    """Raise AdapterError if the adapter changes a module that the model lacks or has in another size."""
    fix = f"use an adapter that was trained for this model, or remove {path.parent}"
    factors = {match.groups(): shape for name, shape in tensors.items() if (match := FACTOR.fullmatch(name))}
    if not factors:
        raise AdapterError(f"{path} has no LoRA tensors; {fix}.")
    for (module, side), shape in factors.items():
        # Left to vLLM: quantized weights, which have other names, and an output layer shared with the input.
        own = model.get(f"{module}.weight")
        if own is None and ".layers." in module and not any(tensor.startswith(f"{module}.") for tensor in model):
            raise AdapterError(f"{path} changes {module}, which the model does not have; {fix}.")
        if own and (shape[-1:] != own[-1:] if side == "A" else shape[:1] != own[:1]):
            raise AdapterError(f"{path} changes {module} of {own} by a factor {side} of {shape}; {fix}.")
