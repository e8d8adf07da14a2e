"""Is this directory a whole checkpoint? Reads headers only, so that 16 GB take milliseconds.

Formats: Hugging Face's layout, and safetensors (github.com/huggingface/safetensors): 8 bytes little-endian N, N bytes of
JSON that maps each tensor to its `data_offsets` from the end of that JSON, then the tensors, without gaps.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from granite.errors import WeightsError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
LARGEST_HEADER = 100_000_000  # the format's own bound
LFS_POINTER = b"version https://git-lfs"


def check(directory: Path) -> None:
    """WeightsError with the first fault, a sentence that names the file and the cure."""
    for fault in faults(directory):
        raise WeightsError(fault)


def faults(directory: Path) -> Iterator[str]:
    """Every fault as one sentence: a missing or unreadable config or tokenizer, a missing, truncated or foreign shard."""
    cure = _cure(directory)
    if not directory.is_dir():
        yield f"{directory} is not a directory; {cure}."
        return
    for name in ("config.json", "tokenizer.json"):
        yield from json_object(directory / name, cure)[1]
    index, found = json_object(directory / INDEX, cure) if (directory / INDEX).exists() else (None, [])
    yield from found
    if index is not None:
        yield from _sharded(directory, index, cure)
    elif not found:
        yield from shard_faults(directory / SINGLE, set(), cure)


def _cure(directory: Path) -> str:
    if (directory / "demo.json").exists():
        return f"remove {directory} and run script/weights demo"
    return f"run script/weights download --to {directory}"


def shapes(directory: Path) -> dict[str, list[int]]:
    """Each tensor's shape, of a checkpoint without faults."""
    index = directory / INDEX
    files = sorted(set(json.loads(index.read_bytes())["weight_map"].values())) if index.exists() else [SINGLE]
    return {name: entry["shape"] for file in files for name, entry in header(directory / file).items()}


def header(path: Path) -> dict[str, Any]:
    """What a safetensors file without faults says of each of its tensors."""
    with path.open("rb") as file:
        entries: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: entry for name, entry in entries.items() if name != "__metadata__"}


def json_object(path: Path, cure: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The file's object and no fault, or None and one."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None, [f"{path} is missing; {cure}."]
    except OSError as error:
        return None, [f"{path} cannot be read: {error.strerror}."]
    except ValueError:
        return None, [f"{path} is not valid JSON, probably cut off; {cure}."]
    if not isinstance(content, dict):
        return None, [f"{path} holds no JSON object; {cure}."]
    return content, []


def _sharded(directory: Path, index: dict[str, Any], cure: str) -> Iterator[str]:
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        yield f"{directory / INDEX} names no tensors; {cure}."
        return
    for shard in sorted(set(weight_map.values())):
        yield from shard_faults(
            directory / shard, {tensor for tensor, home in weight_map.items() if home == shard}, cure
        )


def shard_faults(path: Path, expected: set[str], cure: str) -> Iterator[str]:
    """`expected` names tensors that the shard's header must list."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            header = file.read(length) if length <= LARGEST_HEADER else b""
            pointer = (start + file.read(16)).startswith(LFS_POINTER) if not header else False
    except FileNotFoundError:
        yield f"{path} is missing; {cure}."
        return
    except OSError as error:
        yield f"{path} cannot be read: {error.strerror}."
        return
    if pointer:
        yield f"{path} is a Git LFS pointer, not the weights; run git lfs pull in {path.parent}, or {cure}."
        return
    try:
        tensors = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        whole = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        yield f"{path} has no readable safetensors header; {cure}."
        return
    if size != whole:
        yield f"{path} has {size} bytes, its header says {whole}; {cure}."
    elif missing := sorted(expected - tensors.keys()):
        yield f"{path} lacks {missing[0]}, which {INDEX} says it holds; {cure}."
