"""Which model files a server loads."""

import pytest

from granite.errors import WeightsError
from granite.model import demo, weights
from granite.model.weights import Weights
from granite.settings import Settings
from tests import checkpoints
from tests.machines import CPU, GPU


def test_cog_weights_come_first(tmp_path):
    model, in_tree = checkpoints.write(tmp_path / "model"), checkpoints.write(tmp_path / "weights")
    assert weights.find(Settings(cog_weights=model), CPU, print, in_tree) == Weights(model)


@pytest.mark.parametrize("hardware", [CPU, GPU])
def test_the_tree_comes_second(tmp_path, hardware):
    assert weights.find(Settings(), hardware, print, checkpoints.write(tmp_path)) == Weights(tmp_path)


def test_without_a_gpu_the_demo_comes_last(tmp_path):
    expected = Weights(demo.directory(), "granite-demo", weights.DEMO_NOTICE)
    assert weights.find(Settings(), CPU, print, tmp_path) == expected
    assert "not Granite's quality" in expected.notice


def test_demo_weights_are_announced_wherever_they_are(tmp_path):
    found = weights.find(Settings(cog_weights=checkpoints.write(tmp_path, card=True)), GPU, print)
    assert found == Weights(tmp_path, "granite-demo", weights.DEMO_NOTICE)


def test_a_gpu_without_weights_is_refused(tmp_path):
    with pytest.raises(WeightsError) as caught:
        weights.find(Settings(), GPU, print, tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no model; run script/weights download, or set COG_WEIGHTS."


def test_a_damaged_checkpoint_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"config\.json is missing; run script/weights download --to "):
        weights.find(Settings(cog_weights=tmp_path), CPU, print)
