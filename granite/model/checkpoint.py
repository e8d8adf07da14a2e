"""Check that a directory holds a whole checkpoint, in Hugging Face's layout: one safetensors file, or shards and an index.

Only headers are read, so 16 GB take milliseconds: `safe_open` refuses a file that is shorter or longer than its header
says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from granite.errors import WeightsError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
DEMO_CARD = "demo.json"
LFS_POINTER = b"version https://git-lfs"

Shapes = dict[str, list[int]]
"""Each tensor's shape by its name."""


def check(directory: Path) -> None:
    """Raise WeightsError for the first fault: a sentence that names the file and the fix."""
    fix = _fix(directory)
    if not directory.is_dir():
        raise WeightsError(f"{directory} is not a directory; {fix}.")
    for name in ("config.json", "tokenizer.json"):
        read_json(directory / name, fix)
    shapes(directory)


def is_demo(directory: Path) -> bool:
    return (directory / DEMO_CARD).exists()


def shapes(directory: Path) -> Shapes:
    """The shapes of the model's tensors. Raises WeightsError for a missing or damaged shard."""
    fix = _fix(directory)
    index = directory / INDEX
    if not index.exists():
        return read_shapes(directory / SINGLE, fix)
    weight_map = read_json(index, fix).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise WeightsError(f"{index} lists no tensors; {fix}.")
    shards = {shard: read_shapes(directory / shard, fix) for shard in sorted(set(weight_map.values()))}
    for tensor, shard in weight_map.items():
        if tensor not in shards[shard]:
            raise WeightsError(f"{directory / shard} lacks the tensor {tensor}, which {INDEX} lists; {fix}.")
    return {name: shape for shard in shards.values() for name, shape in shard.items()}


def read_json(path: Path, fix: str) -> dict[str, Any]:
    """Read a JSON object. Raises WeightsError, whose sentence ends with `fix`."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; {fix}.") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise WeightsError(f"{path} is not valid JSON, probably cut off; {fix}.") from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is not a JSON object; {fix}.")
    return content


def read_shapes(path: Path, fix: str) -> Shapes:
    """Read the header of a safetensors file. Raises WeightsError, whose sentence ends with `fix`."""
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  # no mapping
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; {fix}.") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}.") from None
    except SafetensorError as error:
        with path.open("rb") as start:
            is_pointer = start.read(len(LFS_POINTER)) == LFS_POINTER
        if is_pointer:
            sentence = f"{path} is a Git LFS pointer, not the weights; run git lfs pull in {path.parent}, or {fix}."
            raise WeightsError(sentence) from None
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise WeightsError(f"{path} is not a whole safetensors file ({reason}); {fix}.") from None


def _fix(directory: Path) -> str:
    if is_demo(directory):
        return f"run script/weights demo --to {directory}"
    return f"run script/weights download --to {directory}"
