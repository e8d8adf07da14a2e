"""The commands as a person runs them, as far as they start no server."""

import subprocess
import sys

import pytest

from granite.cli.environment import ROOT
from granite.gpu_check.__main__ import NO_GPU
from granite.hardware import has_gpu

EMPTY = 'The prompt is empty; give one, such as script/predict "What is granite?"'
NO_ADDRESS = "--host {} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all interfaces."


@pytest.fixture
def run(tmp_path):
    """Run a command with a bare Python and an empty cache; nothing is installed."""

    def run(command, *arguments, **variables):
        environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys._base_executable, "XDG_CACHE_HOME": str(tmp_path)}
        return subprocess.run(
            [ROOT / "script" / command, *arguments], capture_output=True, text=True, env=environment | variables
        )

    yield run
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["predict", "chat", "serve", "lint", "setup", "test", "weights", "schema", "plan", "gpu-check"]
)
def test_help_needs_no_environment(run, command):
    ran = run(command, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"usage: script/{command}")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["predict"], EMPTY),
        (["predict", "-i", "top_p=0.5"], EMPTY),
        (["predict", "Hi", "-i", "max_token=8"], "There is no input `max_token`; did you mean `max_tokens`?"),
        (["serve", "--host", "192.0.2.1"], NO_ADDRESS.format("192.0.2.1")),
        (["serve", "--host", "no.such.host.invalid"], NO_ADDRESS.format("no.such.host.invalid")),
    ],
)
def test_a_mistake_is_refused_before_anything_is_installed(run, command, sentence):
    ran = run(*command)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{sentence}\n")


@pytest.mark.skipif(has_gpu(), reason="there is an NVIDIA GPU on this machine")
def test_gpu_check_needs_a_gpu(run):
    ran = run("gpu-check")
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{NO_GPU}\n")


def test_weights_that_are_missing_are_exit_1(run):
    ran = run("weights", "verify", "/nowhere", PYTHON=sys.executable, GRANITE_ENVIRONMENT="image")
    sentence = "/nowhere is not a directory; run script/weights download --to /nowhere.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", sentence)
