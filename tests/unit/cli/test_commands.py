"""The commands as a person runs them, as far as they start no server."""

import subprocess
import sys

import pytest

from granite.cli import test
from granite.cli.environment import ROOT


def run(command, *arguments, stdin=None, python=sys.executable, **variables):
    bare = {"PATH": "/usr/bin:/bin", "PYTHON": python, **variables}
    return subprocess.run(
        [ROOT / "script" / command, *arguments], capture_output=True, text=True, input=stdin, env=bare
    )


@pytest.mark.parametrize("command", ["predict", "serve", "lint", "setup", "test", "weights", "schema"])
def test_help_installs_nothing(command, tmp_path):
    """A bare Python is enough."""
    shown = run(command, "--help", python=sys._base_executable, XDG_CACHE_HOME=str(tmp_path))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: script/{command}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], 'The prompt is empty; give one, such as script/predict "What is granite?"'),
        ([""], 'The prompt is empty; give one, such as script/predict "What is granite?"'),
        (["-i", "top_p=0.5"], 'The prompt is empty; give one, such as script/predict "What is granite?"'),
        (["Hi", "-i", "max_token=8"], "There is no input `max_token`; did you mean `max_tokens`?"),
        (["Hi", "-i", "top_p=1.7"], "top_p must be from 0 to 1, got 1.7."),
    ],
)
def test_a_mistake_is_refused_before_anything_is_installed(arguments, sentence, tmp_path):
    ran = run("predict", *arguments, python=sys._base_executable, XDG_CACHE_HOME=str(tmp_path))
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{sentence}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ([], []),
        (["--fast"], ["tests/unit"]),
        (["--slow", "tests/server", "-k", "chat"], ["--slow", "tests/server", "-k", "chat"]),
        (["--fas", "-x"], ["--fas", "-x"]),
    ],
)
def test_the_tests_take_pytests_arguments(given, arguments):
    assert test.pytest_arguments(given) == arguments
