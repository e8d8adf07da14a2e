"""Random weights: a model directory without any."""

import json

import pytest

from granite.gpu_check import weights
from granite.model import checkpoint


@pytest.fixture
def model(tmp_path, monkeypatch):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json", checkpoint.INDEX):
        (model / name).write_text("{}")
    monkeypatch.setenv("COG_WEIGHTS", str(model))
    monkeypatch.setenv("ENGINE_ARGS", '{"max_model_len": 100}')
    return model


def test_a_directory_without_weights_gets_a_stand_in(model, tmp_path):
    variables = weights.dummy(tmp_path)
    assert json.loads(variables["ENGINE_ARGS"]) == {"max_model_len": 100, "load_format": "dummy"}
    assert variables["COG_WEIGHTS"] == str(tmp_path / "weights")
    checkpoint.check(tmp_path / "weights")


def test_one_with_weights_is_used_as_it_is(model, tmp_path):
    (model / "model-00001.safetensors").touch()
    assert weights.dummy(tmp_path).keys() == {"ENGINE_ARGS"}
    assert not (tmp_path / "weights").exists()
