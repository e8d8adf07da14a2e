"""The commands that start a server, as a person runs them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid

import psutil
import pytest

from granite.cli.environment import ROOT
from granite.cli.server import free_port

RUN = "GRANITE_TEST_RUN"
"""Marks every process of one run: children inherit it."""


@pytest.fixture
def environment():
    """The environment of one run; afterwards none of its processes is left."""
    mark = uuid.uuid4().hex
    yield {**os.environ, "PYTHON": sys.executable, RUN: mark}
    left = []
    for process in psutil.process_iter(["pid", "name"]):
        with contextlib.suppress(psutil.Error):
            if process.environ().get(RUN) == mark:
                left.append(process.name())
    assert left == []


@pytest.fixture
def predict(environment):
    """Run script/predict to its end."""

    def run(*arguments, stdin=None, **variables):
        command = ["script/predict", *arguments]
        variables = environment | variables
        return subprocess.run(command, capture_output=True, text=True, timeout=300, input=stdin, env=variables)

    return run


def test_stdin_is_read_after_the_environment_is_entered(predict):
    """A Python from outside starts over in the environment."""
    ran = predict("--json", "@-", stdin='{"prompt": "Hi", "top_p": 7}', PYTHON=sys._base_executable)
    assert (ran.returncode, ran.stderr) == (2, "top_p must be from 0 to 1, got 7.\n")


def test_an_answer_streams_and_nothing_is_left(predict, tmp_path):
    """The text on stdout; progress, logs and metrics on stderr."""
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"prompt": "What is the capital of France?", "temperature": 0}))
    ran = predict("--json", f"@{request}", "-i", "max_tokens=16", "--logs")
    assert ran.returncode == 0, ran.stderr
    assert "Paris" in ran.stdout
    lines = ran.stderr.splitlines()
    assert lines[0].startswith("Starting the server … ")
    assert any(line.startswith("Importing vLLM … ") for line in lines)
    assert any(line.startswith("Ready after ") for line in lines)
    assert "predict() complete" in ran.stderr
    assert "tokens in, " in lines[-1]


@pytest.mark.slow
def test_a_failed_prediction_is_its_sentence_and_exit_1(predict):
    """With --prediction stdout has the prediction object."""
    ran = predict("Hi", "-i", "top_p=0", "--prediction")
    prediction = json.loads(ran.stdout)
    assert (ran.returncode, prediction["status"], prediction["input"]) == (1, "failed", {"prompt": "Hi", "top_p": 0})
    assert ran.stderr.splitlines()[-1] == "top_p must be above 0 and at most 1, got 0."


@pytest.mark.parametrize(
    ("ending", "when"),
    [
        (signal.SIGINT, "Importing vLLM"),
        pytest.param(signal.SIGTERM, "predict() commencing", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "predict() commencing", marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_ends_every_process_without_a_traceback(environment, ending, when):
    process = subprocess.Popen(
        ["script/predict", "Tell a story.", "-i", "max_tokens=8000", "-i", "min_tokens=8000", "--logs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # Where the tests run in the background of a shell, it would be ignored.
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),
    )
    while when not in (line := process.stderr.readline()):
        assert line
    process.send_signal(ending)
    _, rest = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in rest) == (128 + ending, False)


@pytest.mark.parametrize(
    ("ending", "when"),
    [
        (signal.SIGINT, "Importing vLLM"),
        pytest.param(signal.SIGTERM, "Setup complete", marks=pytest.mark.slow),
    ],
)
def test_a_server_ends_with_all_its_processes(environment, ending, when):
    """Also while it starts, and from another directory."""
    process = subprocess.Popen(
        [ROOT / "script/serve"],
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment | {"PORT": str(free_port())},
        # As a terminal does: Ctrl-C goes to every process of the group.
        process_group=0,
        # Where the tests run in the background of a shell, it would be ignored.
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),
    )
    while when not in (line := process.stdout.readline()):
        assert line
    os.killpg(process.pid, ending)
    rest, _ = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in rest) == (0, False)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("COG_WEIGHTS", "/nowhere", "/nowhere is not a directory; run script/weights download --to /nowhere."),
        ("ENGINE_ARGS", "[1]", 'ENGINE_ARGS=[1] is invalid: not a JSON object such as {"max_model_len": 8192}.'),
    ],
)
def test_an_operators_mistake_is_one_sentence(predict, variable, value, sentence):
    """Without Cog's prefixes."""
    ran = predict("Hi", **{variable: value})
    assert (ran.returncode, ran.stdout, ran.stderr.splitlines()[-1]) == (1, "", sentence)
