"""The commands as a person runs them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid

import psutil
import pytest

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
def run(environment):
    """Run a command to its end."""

    def run(command, *arguments, stdin=None, **variables):
        return subprocess.run(
            [f"script/{command}", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            input=stdin,
            env=environment | variables,
        )

    return run


@pytest.mark.parametrize("command", ["predict", "serve", "lint", "setup", "weights", "schema"])
def test_help_explains_without_installing_anything(command, tmp_path):
    """With a bare Python and an empty cache."""
    bare = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "XDG_CACHE_HOME": str(tmp_path)}
    shown = subprocess.run([f"script/{command}", "--help"], capture_output=True, text=True, timeout=60, env=bare)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: script/{command}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Hi", "-i", "max_token=8"], "There is no input max_token: did you mean max_tokens?"),
        (["Hi", "-i", "top_p=1.7"], "top_p must be from 0 to 1, got 1.7."),
        (["--json", "@/nowhere.json"], "@/nowhere.json cannot be read: No such file or directory."),
    ],
)
def test_a_mistake_is_told_before_the_model_loads(run, arguments, sentence):
    """One sentence, exit 2, no server."""
    ran = run("predict", *arguments)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{sentence}\n")


def test_nothing_to_ask_is_a_mistake_too(run):
    """The usage, and how to ask."""
    ran = run("predict")
    assert ran.returncode == 2
    assert ran.stderr.endswith('Nothing to ask: give a prompt, such as script/predict "What is granite?"\n')


def test_stdin_is_read_in_the_environment_that_stays(run):
    """Started by a Python from outside, which starts over in the environment."""
    ran = run("predict", "--json", "@-", stdin='{"prompt": "Hi", "top_p": 7}', PYTHON=sys._base_executable)
    assert (ran.returncode, ran.stderr) == (2, "top_p must be from 0 to 1, got 7.\n")


def test_an_answer_streams_and_nothing_is_left(run, tmp_path):
    """The text on stdout; progress, logs and metrics on stderr."""
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"prompt": "What is the capital of France?", "temperature": 0}))
    ran = run("predict", "--json", f"@{request}", "-i", "max_tokens=16", "--logs")
    assert ran.returncode == 0, ran.stderr
    assert "Paris" in ran.stdout
    lines = ran.stderr.splitlines()
    assert lines[0].startswith("Starting the server … ")
    assert any(line.startswith("Importing vLLM … ") for line in lines)
    assert any(line.startswith("Ready after ") for line in lines)
    assert "predict() complete" in ran.stderr
    assert "tokens in, " in lines[-1]


@pytest.mark.slow
def test_a_failed_prediction_is_its_sentence_and_exit_1(run):
    """And --prediction prints the object itself."""
    ran = run("predict", "Hi", "-i", "top_p=0", "--prediction")
    assert ran.returncode == 1
    prediction = json.loads(ran.stdout)
    assert prediction["status"] == "failed"
    assert prediction["input"] == {"prompt": "Hi", "top_p": 0}
    assert ran.stderr.splitlines()[-1] == "top_p must be above 0 and at most 1, got 0."


@pytest.mark.parametrize(
    ("ending", "when"),
    [
        (signal.SIGINT, "Importing vLLM"),
        pytest.param(signal.SIGTERM, "predict() commencing", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "predict() commencing", marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_stops_every_process(environment, ending, when):
    """While the model loads and while an answer streams: nothing is left, and there is no traceback."""
    process = subprocess.Popen(
        ["script/predict", "Tell a story.", "-i", "max_tokens=8000", "-i", "min_tokens=8000", "--logs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # Where the tests run in the background of a shell, it would be ignored.
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),
    )
    said = ""
    while when not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(ending)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 128 + ending
    assert "Traceback" not in rest


def test_weights_that_are_not_there_fail_within_seconds(run):
    """The operator's sentence, without Cog's prefixes."""
    ran = run("predict", "Hi", COG_WEIGHTS="/nowhere")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "/nowhere is not a directory; run script/weights download --to /nowhere."


def test_engine_args_that_are_no_json_are_one_sentence(run):
    """Before a server is started."""
    ran = run("predict", "Hi", ENGINE_ARGS="[1]")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == 'ENGINE_ARGS=[1] is refused: not a JSON object such as {"max_model_len": 8192}.\n'


def test_a_port_that_is_none_is_refused(run):
    """Before anything is started."""
    ran = run("serve", PORT="http")
    assert (ran.returncode, ran.stderr) == (2, "PORT=http is refused: give a port from 1 to 65535.\n")
