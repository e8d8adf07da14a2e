"""The directories that predictions leave."""

import os

import pytest

from granite.serving.leftovers import SECONDS, Leftovers

NOW = 1_000_000.0


@pytest.fixture
def predictions(tmp_path):
    """Directories as coglet makes them, by how many seconds ago."""

    def make(*ages):
        for age in ages:
            (tmp_path / str(age) / "outputs").mkdir(parents=True)
            (tmp_path / str(age) / "inputs").mkdir()
            os.utime(tmp_path / str(age), (NOW - age, NOW - age))
        return tmp_path

    return make


def left(directory):
    return sorted(int(entry.name) for entry in directory.iterdir())


async def test_what_is_older_than_all_that_run_goes_at_the_next_sweep(predictions):
    directory = predictions(SECONDS - 1, SECONDS + 1, SECONDS + 99)
    leftovers = Leftovers(directory, own=True)
    await leftovers.sweep(NOW - 50)
    assert left(directory) == [SECONDS - 1, SECONDS + 1, SECONDS + 99]
    await leftovers.sweep(NOW)
    assert left(directory) == [SECONDS - 1, SECONDS + 1]
    await leftovers.sweep(NOW)
    assert left(directory) == [SECONDS - 1]


async def test_only_an_image_is_swept(predictions, monkeypatch):
    directory = predictions(500)
    leftovers = Leftovers(directory)
    await leftovers.sweep(NOW)
    await leftovers.sweep(NOW)
    assert left(directory) == [500]
    monkeypatch.setenv("GRANITE_ENVIRONMENT", "image")
    leftovers = Leftovers(directory)
    await leftovers.sweep(NOW)
    await leftovers.sweep(NOW)
    assert left(directory) == []


async def test_a_server_that_has_answered_nothing_has_no_directory(tmp_path):
    leftovers = Leftovers(tmp_path / "absent", own=True)
    await leftovers.sweep(NOW)
    await leftovers.sweep(NOW)
