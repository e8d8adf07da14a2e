"""Each fault of a directory of model files is one sentence that names the file and the fix."""

import os
import shutil

import pytest

from granite.errors import WeightsError
from granite.model import checkpoint
from granite.model.checkpoint import INDEX, SINGLE
from tests import checkpoints
from tests.checkpoints import SHARDS


def test_a_whole_checkpoint_passes(tmp_path):
    checkpoint.check(checkpoints.write(tmp_path / "single"))
    checkpoint.check(checkpoints.write_sharded(tmp_path / "sharded"))
    assert checkpoint.shapes(tmp_path / "single") == {"a": [5]}
    assert checkpoint.shapes(tmp_path / "sharded") == {"a": [2, 3], "b": [2, 3]}


def missing(name):
    return lambda root: (root / name).unlink(), f"{name} is missing"


def content(name, text, reason):
    return lambda root: (root / name).write_bytes(text), f"{name} cannot be read ({reason}"


def resized(change):
    shard = SHARDS[1]
    reason = "Error while deserializing header: incomplete metadata, file not fully covered"
    return lambda root: os.truncate(root / shard, (root / shard).stat().st_size + change), (
        f"{shard} cannot be read ({reason})"
    )


FAULTS = [
    *map(missing, ("config.json", "tokenizer.json", *SHARDS)),
    (lambda root: (root / INDEX).unlink(), f"{SINGLE} is missing"),
    content("config.json", b'{"a": ', "Expecting value: line 1 column 7 (char 6))"),
    content("tokenizer.json", b"\xff", "'utf-8' codec can't decode byte 0xff"),
    content(INDEX, b"[]", "not a JSON object)"),
    (lambda root: (root / INDEX).write_text('{"weight_map": {}}'), f"{INDEX} lists no tensors"),
    resized(-1),
    resized(1),
    content(SHARDS[0], b"", "Error while deserializing header: header too small)"),
    content(SHARDS[0], b"<html>Not found</html>", "Error while deserializing header: header too large)"),
    content(SHARDS[0], b"\x02\0\0\0\0\0\0\0[]", "Error while deserializing header: invalid JSON in header"),
    content(SHARDS[0], b"version https://git-lfs.github.com/spec/v1\n", "Error while deserializing header: header too"),
    # Two shards with exchanged names are each whole.
    (lambda root: shutil.copy(root / SHARDS[0], root / SHARDS[1]), f"{SHARDS[1]} lacks the tensor b, which {INDEX} lists"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "fault"), FAULTS)
def test_a_fault_is_one_sentence(tmp_path, spoil, fault):
    spoil(checkpoints.write_sharded(tmp_path))
    with pytest.raises(WeightsError) as caught:
        checkpoint.check(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/{fault}")
    assert str(caught.value).endswith(f"; run script/weights download --to {tmp_path}.")


def test_the_fix_of_a_damaged_demo_is_to_make_it_again(tmp_path):
    (checkpoints.write(tmp_path, card=True) / "config.json").unlink()
    with pytest.raises(WeightsError) as caught:
        checkpoint.check(tmp_path)
    assert str(caught.value) == f"{tmp_path}/config.json is missing; run script/weights demo --to {tmp_path}."
