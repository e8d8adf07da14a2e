"""A server's environment and address."""

import socket
from pathlib import Path

import pytest

from granite.cli import serve, server
from granite.cli.environment import ROOT


@pytest.mark.parametrize(("gpu", "concurrency"), [(True, "256"), (False, "32")])
def test_the_environment_is_what_an_image_has(gpu, concurrency):
    """An empty variable counts as not set: without COG_MAX_CONCURRENCY, Cog would run one prediction at a time."""
    variables = server.variables(5000, {"COG_MAX_CONCURRENCY": "", "PORT": "6000"}, gpu=gpu)
    names = ("COG_MAX_CONCURRENCY", "COG_PREDICT_TYPE_STUB", "LOG_FORMAT", "PORT")
    assert "GRANITE_ENVIRONMENT" not in variables
    assert [variables[name] for name in names] == [concurrency, f"{ROOT}/predict.py:Predictor", "console", "5000"]


def test_an_operators_variables_come_first():
    """A relative directory is the operator's, not the server's."""
    operator = {"COG_WEIGHTS": "model", "ADAPTERS": "~/adapters", "LOG_FORMAT": "json", "MINE": "1"}
    variables = server.variables(5000, operator, gpu=False)
    values = [str(Path.cwd() / "model"), str(Path.home() / "adapters"), "json", "1"]
    assert [variables[name] for name in operator] == values


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_an_invalid_port_is_refused(port):
    assert serve.address_error("127.0.0.1", port) == f"PORT must be from 1 to 65535, got {port}."


def test_a_taken_port_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = f"Port {port} is in use; set PORT to a free one."
        assert serve.address_error("127.0.0.1", str(port)) == sentence
    assert serve.address_error("127.0.0.1", str(port)) is None
