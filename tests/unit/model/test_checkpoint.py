"""Each fault of a directory of model files is one sentence that names the file and the fix."""

import os

import pytest

from granite.errors import WeightsError
from granite.model import checkpoint
from tests import checkpoints
from tests.checkpoints import SHARDS

FOREIGN = "is not a whole safetensors file"


def sentence(directory):
    with pytest.raises(WeightsError) as caught:
        checkpoint.check(directory)
    return str(caught.value)


def fix(directory):
    return f"run script/weights download --to {directory}."


def test_a_whole_checkpoint_passes(tmp_path):
    checkpoint.check(checkpoints.write(tmp_path / "single"))
    checkpoint.check(checkpoints.write_sharded(tmp_path / "sharded"))
    assert checkpoint.shapes(tmp_path / "single") == {"a": [5]}
    assert checkpoint.shapes(tmp_path / "sharded") == {"a": [2, 3], "b": [2, 3]}


def test_a_missing_directory_is_one_fault(tmp_path):
    missing = tmp_path / "absent"
    assert sentence(missing) == f"{missing} is not a directory; {fix(missing)}"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", *SHARDS])
def test_a_missing_file_is_named(tmp_path, name):
    (checkpoints.write_sharded(tmp_path) / name).unlink()
    assert sentence(tmp_path) == f"{tmp_path / name} is missing; {fix(tmp_path)}"


def test_without_an_index_the_single_file_is_missing(tmp_path):
    (checkpoints.write(tmp_path) / checkpoint.SINGLE).unlink()
    assert sentence(tmp_path) == f"{tmp_path / checkpoint.SINGLE} is missing; {fix(tmp_path)}"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", checkpoint.INDEX])
@pytest.mark.parametrize(
    ("content", "fault"),
    [('{"a": ', "is not valid JSON, probably cut off"), ("\xff", "is not valid JSON"), ("[]", "is not a JSON object")],
)
def test_a_broken_json_file_is_named(tmp_path, name, content, fault):
    (checkpoints.write_sharded(tmp_path) / name).write_text(content, encoding="latin-1")
    assert sentence(tmp_path).startswith(f"{tmp_path / name} {fault}")


def test_an_empty_index_is_refused(tmp_path):
    (checkpoints.write_sharded(tmp_path) / checkpoint.INDEX).write_text('{"weight_map": {}}')
    assert sentence(tmp_path) == f"{tmp_path / checkpoint.INDEX} lists no tensors; {fix(tmp_path)}"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_shard_of_another_length_is_refused(tmp_path, change):
    """Cut off, or with bytes appended."""
    shard = checkpoints.write_sharded(tmp_path) / SHARDS[1]
    os.truncate(shard, shard.stat().st_size + change)
    reason = "incomplete metadata, file not fully covered"
    assert sentence(tmp_path) == f"{shard} {FOREIGN} ({reason}); {fix(tmp_path)}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "header too small"),
        (b"\x05", "header too small"),
        (b"<html>Not found</html>", "header too large"),
        (b"\x02\0\0\0\0\0\0\0[]", "invalid JSON in header"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path, content, reason):
    single = checkpoints.write(tmp_path) / checkpoint.SINGLE
    single.write_bytes(content)
    assert sentence(tmp_path).startswith(f"{single} {FOREIGN} ({reason}")


def test_a_git_lfs_pointer_has_its_own_fix(tmp_path):
    """A clone without Git LFS leaves a text of three lines in place of the weights."""
    single = checkpoints.write(tmp_path) / checkpoint.SINGLE
    single.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    expected = f"{single} is a Git LFS pointer, not the weights; run git lfs pull in {tmp_path}, or {fix(tmp_path)}"
    assert sentence(tmp_path) == expected


def test_a_shard_without_its_tensor_is_refused(tmp_path):
    """Two shards with exchanged names are each whole, and wrong."""
    checkpoints.write_sharded(tmp_path)
    (tmp_path / SHARDS[1]).write_bytes((tmp_path / SHARDS[0]).read_bytes())
    assert sentence(tmp_path) == (
        f"{tmp_path / SHARDS[1]} lacks the tensor b, which {checkpoint.INDEX} lists; {fix(tmp_path)}"
    )


def test_the_fix_of_a_damaged_demo_is_to_make_it_again(tmp_path):
    (checkpoints.write(tmp_path, card=True) / "config.json").unlink()
    assert sentence(tmp_path) == f"{tmp_path}/config.json is missing; run script/weights demo --to {tmp_path}."
