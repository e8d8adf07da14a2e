"""The LoRA adapters that requests may name: the subdirectories of `ADAPTERS`, checked before vLLM is imported.

Format: PEFT's (github.com/huggingface/peft), `adapter_config.json` beside `adapter_model.safetensors`. The headers are
compared with the model's, because vLLM takes an adapter that was trained for a smaller model and answers nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from granite.errors import AdapterError, SettingsError
from granite.model import checkpoint
from granite.model.weights import Weights
from granite.settings import Settings

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM makes room for; one between two of them takes the room of the next."""

NOT_APPLIED = ("alora_invocation_tokens", "use_dora", "lora_bias", "modules_to_save")
"""Fields of PEFT's that vLLM refuses when they are set. It has more to refuse, once the model is loaded."""

FACTOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
"""PEFT's name of a factor of one module's change, which is B·A."""


@dataclass(frozen=True)
class Adapter:
    name: str
    id: int
    """From 1, in the order of the names."""
    path: Path
    rank: int
    """The highest of any module."""


def find(settings: Settings, weights: Weights) -> tuple[Adapter, ...]:
    """By name; none without `ADAPTERS`. Raises SettingsError and AdapterError."""
    directory = settings.adapters
    if directory is None:
        return ()
    if not directory.is_dir():
        raise SettingsError(f"ADAPTERS={directory} is refused: not a directory. Name one that holds LoRA adapters.")
    # What begins with a dot is a tool's own, such as the versions behind a volume of Kubernetes'.
    paths = sorted(path for path in directory.absolute().iterdir() if path.is_dir() and not path.name.startswith("."))
    if not paths:
        raise SettingsError(
            f"ADAPTERS={directory} is refused: no adapter is in it. Give each LoRA adapter a subdirectory of its own, or "
            "leave ADAPTERS unset."
        )
    served = settings.engine_args.get("served_model_name") or weights.name
    model = checkpoint.shapes(weights.directory)
    adapters = []
    for number, path in enumerate(paths, start=1):
        if path.name in ([served] if isinstance(served, str) else served):
            raise AdapterError(f"{path} has the name that the model itself is served by; rename the directory.")
        adapters.append(Adapter(path.name, number, path, _rank(path)))
        if fault := next(_misfits(path / TENSORS, model), None):
            raise AdapterError(fault)
    return tuple(adapters)


def room(adapters: tuple[Adapter, ...]) -> int:
    """The rank that vLLM must make room for."""
    return min(rank for rank in RANKS if rank >= max(adapter.rank for adapter in adapters))


def _rank(path: Path) -> int:
    cure = f"copy the adapter into {path} again, or remove that directory"
    config, faults = checkpoint.json_object(path / CONFIG, cure)
    if faults := [*faults, *checkpoint.shard_faults(path / TENSORS, set(), cure)]:
        raise AdapterError(faults[0])
    config = config or {}
    if config.get("peft_type", "LORA") != "LORA":
        raise AdapterError(f"{path / CONFIG} has peft_type {config['peft_type']}, but vLLM loads LORA alone; {cure}.")
    for field in NOT_APPLIED:
        if config.get(field):
            raise AdapterError(
                f"{path / CONFIG} sets {field}, which vLLM does not apply; train it without, or remove {path}."
            )
    pattern = config.get("rank_pattern") or {}
    ranks = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else [pattern])]
    for rank in ranks:
        if type(rank) is not int or not RANKS[0] <= rank <= RANKS[-1]:
            raise AdapterError(
                f"{path / CONFIG} has the rank {rank}, but vLLM takes whole ranks from {RANKS[0]} to {RANKS[-1]}; remove "
                f"{path}, or train the adapter anew."
            )
    return int(max(ranks))


def _misfits(path: Path, model: dict[str, list[int]]) -> Iterator[str]:
    """What the adapter changes and the model does not have, or has in another size. `model`: its tensors' shapes."""
    cure = f"give the adapter that was trained for this model, or remove {path.parent}"
    shapes = {
        match: entry["shape"] for name, entry in checkpoint.header(path).items() if (match := FACTOR.fullmatch(name))
    }
    if not shapes:
        yield f"{path} holds no factor of a LoRA; {cure}."
    for factor, shape in shapes.items():
        module, side = factor["module"], factor["side"]
        # Quantized weights may be stored in other forms, and an output layer with the input's: vLLM tells those.
        own = model.get(f"{module}.weight")
        if own is None and ".layers." in module and not any(tensor.startswith(f"{module}.") for tensor in model):
            yield f"{path} changes {module}, which the model does not have; {cure}."
        elif own and len(own) == len(shape) == 2 and (shape[1] != own[1] if side == "A" else shape[0] != own[0]):
            yield f"{path} changes {module} by a factor {side} of {shape}, but the model's is {own}; {cure}."
