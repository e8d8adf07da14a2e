"""Check that a directory holds a whole checkpoint, in Hugging Face's layout: one safetensors file, or shards and an index.

Only headers are read, so 16 GB take milliseconds; `safe_open` refuses a file of another length than its header says.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from granite.errors import WeightsError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
DEMO_CARD = "demo.json"

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
    if not weight_map:
        raise WeightsError(f"{index} lists no tensors; {fix}.")
    shards = {shard: read_shapes(directory / shard, fix) for shard in sorted(set(weight_map.values()))}
    for tensor, shard in weight_map.items():
        if tensor not in shards[shard]:
            raise WeightsError(f"{directory / shard} lacks the tensor {tensor}, which {INDEX} lists; {fix}.")
    return {name: shape for shard in shards.values() for name, shape in shard.items()}


def read_json(path: Path, fix: str) -> dict[str, Any]:
    """Read a JSON object. Raises WeightsError, whose sentence ends with `fix`."""
    with _reading(path, fix):
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("not a JSON object")
        return content


def read_shapes(path: Path, fix: str) -> Shapes:
    """Read the header of a safetensors file. Raises WeightsError, whose sentence ends with `fix`."""
    with _reading(path, fix), safe_open(path, framework="numpy") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  # no mapping


@contextmanager
def _reading(path: Path, fix: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; {fix}.") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); {fix}.") from None


def _fix(directory: Path) -> str:
    return f"run script/weights {'demo' if is_demo(directory) else 'download'} --to {directory}"
