"""Each fault of a directory of model files is one sentence that names the file and the cure."""

import json
from pathlib import Path

import pytest

from granite.errors import WeightsError
from granite.model import checkpoint

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def safetensors(**tensors: bytes) -> bytes:
    """A safetensors file, by the format's own description."""
    header, start = {"__metadata__": {"format": "pt"}}, 0
    for name, content in tensors.items():
        entry = {"dtype": "U8", "shape": [len(content)], "data_offsets": [start, start + len(content)]}
        header[name] = entry  # type: ignore[assignment]  # metadata and tensors share one object
        start += len(content)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(tensors.values())


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A whole checkpoint in two shards."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    weight_map = {"a": SHARDS[0], "b": SHARDS[1]}
    (tmp_path / checkpoint.INDEX).write_text(json.dumps({"weight_map": weight_map}))
    (tmp_path / SHARDS[0]).write_bytes(safetensors(a=b"12345"))
    (tmp_path / SHARDS[1]).write_bytes(safetensors(b=b"678"))
    return tmp_path


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """A whole checkpoint in one file."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / checkpoint.SINGLE).write_bytes(safetensors(a=b"12345"))
    return tmp_path


def cure(directory: Path) -> str:
    return f"run script/weights download --to {directory}"


def faults(directory: Path) -> list[str]:
    return list(checkpoint.faults(directory))


def test_whole_shards(sharded: Path) -> None:
    """A whole checkpoint in shards has no fault."""
    assert faults(sharded) == []


def test_whole_file(single: Path) -> None:
    """A whole checkpoint in one file has no fault."""
    assert faults(single) == []


def test_no_directory(tmp_path: Path) -> None:
    """A path that leads nowhere is one fault, not five."""
    missing = tmp_path / "absent"
    assert faults(missing) == [f"{missing} is not a directory; {cure(missing)}."]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_missing_description(single: Path, name: str) -> None:
    """Weights without config or tokenizer cannot be served."""
    (single / name).unlink()
    assert faults(single) == [f"{single / name} is missing; {cure(single)}."]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", checkpoint.INDEX])
def test_cut_off_description(sharded: Path, name: str) -> None:
    """A JSON file that ends early is named."""
    (sharded / name).write_text('{"a": ')
    assert faults(sharded) == [f"{sharded / name} is not valid JSON, probably cut off; {cure(sharded)}."]


def test_not_an_object(single: Path) -> None:
    """A list is valid JSON and no config."""
    (single / "config.json").write_text("[]")
    assert faults(single) == [f"{single / 'config.json'} holds no JSON object; {cure(single)}."]


def test_empty_index(sharded: Path) -> None:
    """An index that names nothing would load nothing."""
    (sharded / checkpoint.INDEX).write_text('{"weight_map": {}}')
    assert faults(sharded) == [f"{sharded / checkpoint.INDEX} names no tensors; {cure(sharded)}."]


def test_missing_shard(sharded: Path) -> None:
    """A shard that the index names and nobody fetched."""
    (sharded / SHARDS[1]).unlink()
    assert faults(sharded) == [f"{sharded / SHARDS[1]} is missing; {cure(sharded)}."]


def test_missing_file(single: Path) -> None:
    """Neither an index nor the one file."""
    (single / checkpoint.SINGLE).unlink()
    assert faults(single) == [f"{single / checkpoint.SINGLE} is missing; {cure(single)}."]


def test_truncated_shard(sharded: Path) -> None:
    """A shard one byte short, with both sizes."""
    whole = safetensors(a=b"12345")
    (sharded / SHARDS[0]).write_bytes(whole[:-1])
    expected = f"{sharded / SHARDS[0]} has {len(whole) - 1} bytes, its header says {len(whole)}; {cure(sharded)}."
    assert faults(sharded) == [expected]


@pytest.mark.parametrize("content", [b"", b"\x05", b"<html>Not found</html>", b"\x02\0\0\0\0\0\0\0[]"])
def test_foreign_file(single: Path, content: bytes) -> None:
    """Something other than safetensors under a shard's name."""
    (single / checkpoint.SINGLE).write_bytes(content)
    assert faults(single) == [f"{single / checkpoint.SINGLE} has no readable safetensors header; {cure(single)}."]


def test_git_lfs_pointer(single: Path) -> None:
    """A clone without Git LFS leaves a text of three lines in the weights' place."""
    (single / checkpoint.SINGLE).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    assert faults(single) == [
        f"{single / checkpoint.SINGLE} is a Git LFS pointer, not the weights; "
        f"run git lfs pull in {single}, or {cure(single)}."
    ]


def test_shard_without_its_tensor(sharded: Path) -> None:
    """Two shards with exchanged names are each whole, and wrong."""
    (sharded / SHARDS[1]).write_bytes(safetensors(a=b"12345"))
    assert faults(sharded) == [
        f"{sharded / SHARDS[1]} lacks b, which {checkpoint.INDEX} says it holds; {cure(sharded)}."
    ]


def test_all_faults_at_once(sharded: Path) -> None:
    """Several faults are several sentences, in one go."""
    (sharded / "config.json").unlink()
    (sharded / SHARDS[0]).unlink()
    (sharded / SHARDS[1]).unlink()
    assert faults(sharded) == [f"{sharded / name} is missing; {cure(sharded)}." for name in ("config.json", *SHARDS)]


def test_damaged_demo(single: Path) -> None:
    """The demo is made, not downloaded, and its cure says so."""
    (single / "demo.json").write_text("{}")
    (single / "config.json").unlink()
    assert faults(single) == [f"{single / 'config.json'} is missing; remove {single} and run script/weights demo."]


def test_check_raises_the_first(sharded: Path) -> None:
    """Setup stops at the first fault, with its sentence."""
    (sharded / SHARDS[0]).unlink()
    with pytest.raises(WeightsError) as caught:
        checkpoint.check(sharded)
    assert str(caught.value) == f"{sharded / SHARDS[0]} is missing; {cure(sharded)}."
