"""Which model files a server loads."""

import pytest

from granite import hardware
from granite.errors import WeightsError
from granite.model import demo, weights
from granite.settings import Settings


@pytest.fixture
def whole():
    """A directory that is a whole checkpoint: the demo's."""
    return demo.write()


@pytest.fixture
def model(whole, tmp_path):
    """The same files without the demo's card: a model like any other."""
    directory = tmp_path / "model"
    directory.mkdir()
    for file in whole.iterdir():
        if file.name != "demo.json":
            (directory / file.name).symlink_to(file)
    return directory


def test_cog_weights_come_first(model):
    """Whatever lies in the tree."""
    assert weights.find(Settings(cog_weights=model)) == weights.Weights(model)


def test_then_the_tree(monkeypatch, model):
    """As soon as it holds a config."""
    monkeypatch.setattr(weights, "IN_TREE", model)
    assert weights.find(Settings()) == weights.Weights(model)


def test_a_demo_is_announced_wherever_it_lies(whole):
    """Nobody takes it for Granite."""
    found = weights.find(Settings(cog_weights=whole))
    assert (found.name, found.notice) == ("granite-demo", weights.DEMO_NOTICE)


def test_then_the_demo_where_there_is_no_gpu(monkeypatch, tmp_path):
    """Under its own name, and announced."""
    monkeypatch.setattr(weights, "IN_TREE", tmp_path)
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    found = weights.find(Settings())
    assert (found.directory, found.name) == (demo.directory(), "granite-demo")
    assert "not Granite's quality" in found.notice


def test_a_gpu_without_weights_is_one_sentence(monkeypatch, tmp_path):
    """It names the command that fills the directory."""
    monkeypatch.setattr(weights, "IN_TREE", tmp_path)
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    with pytest.raises(WeightsError) as caught:
        weights.find(Settings())
    assert str(caught.value) == f"No model in {tmp_path}: fill it by script/weights download, or set COG_WEIGHTS."


def test_a_damaged_checkpoint_is_refused_before_vllm_is_imported(tmp_path):
    """By its first fault."""
    with pytest.raises(WeightsError, match=r"config\.json is missing; run script/weights download --to "):
        weights.find(Settings(cog_weights=tmp_path))
