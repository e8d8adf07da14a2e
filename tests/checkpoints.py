"""Small checkpoints in Hugging Face's layout."""

import json

import numpy as np
from safetensors.numpy import save_file

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write(directory, shapes=None, *, card=False):
    """One file with tensors of these shapes; `card`: as a demo."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", *(["demo.json"] if card else [])):
        (directory / name).write_text("{}")
    tensors = {name: np.zeros(shape, np.int8) for name, shape in (shapes or {"a": (5,)}).items()}
    save_file(tensors, directory / "model.safetensors")
    return directory


def write_sharded(directory):
    """Tensors a and b, in a file each."""
    write(directory)
    (directory / "model.safetensors").unlink()
    weight_map = dict(zip("ab", SHARDS, strict=True))
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    for name, shard in weight_map.items():
        save_file({name: np.zeros((2, 3), np.int8)}, directory / shard)
    return directory
