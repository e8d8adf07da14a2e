"""The environment of a server, and how the state of one is told."""

import pytest

from granite import hardware
from granite.cli import server


@pytest.mark.parametrize(("gpu", "concurrency"), [(True, "256"), (False, "32")])
def test_without_a_build_the_scripts_say_how_many_run_at_once(monkeypatch, gpu, concurrency):
    """Cog would run one; an empty variable is none."""
    monkeypatch.setenv("COG_MAX_CONCURRENCY", "")
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    variables = server.variables(5000)
    assert variables["COG_MAX_CONCURRENCY"] == concurrency
    assert variables["COG_PREDICT_TYPE_STUB"] == "predict.py:Predictor"
    assert variables["LOG_FORMAT"] == "console"


def test_an_operators_variables_come_first(monkeypatch, tmp_path):
    """A relative directory is the operator's, not the server's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COG_WEIGHTS", "model")
    monkeypatch.setenv("ADAPTERS", "adapters")
    monkeypatch.setenv("LOG_FORMAT", "json")
    variables = server.variables(5000, {"LOG_PROMPTS": "false"})
    assert (variables["LOG_FORMAT"], variables["LOG_PROMPTS"]) == ("json", "false")
    assert (variables["COG_WEIGHTS"], variables["ADAPTERS"]) == (str(tmp_path / "model"), str(tmp_path / "adapters"))
