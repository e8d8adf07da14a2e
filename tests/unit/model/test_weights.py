"""Which model files a server loads."""

import pytest

from granite import cache
from granite.errors import WeightsError
from granite.model import weights
from granite.model.weights import Weights
from granite.settings import Settings
from tests import checkpoints
from tests.machines import CPU, GPU


@pytest.mark.parametrize("hardware", [CPU, GPU])
def test_cog_weights_come_first_then_the_tree(tmp_path, hardware):
    model, in_tree = checkpoints.write(tmp_path / "model"), checkpoints.write(tmp_path / "weights")
    assert weights.find(Settings(cog_weights=model), hardware, print, in_tree) == Weights(model)
    assert weights.find(Settings(), hardware, print, in_tree) == Weights(in_tree)


def test_without_a_gpu_the_demo_comes_last(tmp_path):
    found = weights.find(Settings(), CPU, print, tmp_path)
    assert found == Weights(found.directory, "granite-demo", weights.DEMO_NOTICE)
    assert found.directory.parent == cache.directory()


def test_demo_weights_are_announced_wherever_they_are(tmp_path):
    found = weights.find(Settings(cog_weights=checkpoints.write(tmp_path, card=True)), GPU, print)
    assert found == Weights(tmp_path, "granite-demo", weights.DEMO_NOTICE)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "{root} holds no model; run script/weights download, or set COG_WEIGHTS."),
        ({"cog_weights": "{root}"}, "{root}/config.json is missing; run script/weights download --to {root}."),
    ],
)
def test_missing_and_damaged_weights_are_refused(tmp_path, settings, sentence):
    given = {name: value.format(root=tmp_path) for name, value in settings.items()}
    with pytest.raises(WeightsError) as caught:
        weights.find(Settings(**given), GPU, print, tmp_path)
    assert str(caught.value) == sentence.format(root=tmp_path)
