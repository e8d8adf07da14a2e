"""The commands as a person runs them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

PYTHON = {**os.environ, "PYTHON": sys.executable}


def run(command, *arguments, **options):
    return subprocess.run(
        [f"script/{command}", *arguments], capture_output=True, text=True, timeout=300, env=PYTHON, **options
    )


def servers():
    """Every process of a Cog server or an engine that this test process is an ancestor of, or that lost its parent."""
    return [
        process.info["pid"]
        for process in psutil.process_iter(["pid", "cmdline", "name"])
        if "cog.server.http" in (process.info["cmdline"] or []) or "VLLM" in (process.info["name"] or "")
    ]


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
def test_a_mistake_is_told_before_the_model_loads(arguments, sentence):
    """One sentence, exit 2, no server."""
    ran = run("predict", *arguments)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{sentence}\n")


def test_nothing_to_ask_is_a_mistake_too():
    """The usage, and how to ask."""
    ran = run("predict")
    assert ran.returncode == 2
    assert ran.stderr.endswith('Nothing to ask: give a prompt, such as script/predict "What is granite?"\n')


def test_an_answer_streams_and_everything_is_gone_afterwards(tmp_path):
    """The text on stdout, progress and metrics on stderr, and the engine's own refusals at the end: two runs in one."""
    before = set(servers())
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
    assert set(servers()) <= before


def test_a_failed_prediction_is_its_sentence_and_exit_1():
    """And --prediction prints the object itself."""
    ran = run("predict", "Hi", "-i", "top_p=0", "--prediction")
    assert ran.returncode == 1
    prediction = json.loads(ran.stdout)
    assert prediction["status"] == "failed"
    assert prediction["input"] == {"prompt": "Hi", "top_p": 0}
    assert ran.stderr.splitlines()[-1] == "top_p must be above 0 and at most 1, got 0."


def test_an_interrupt_stops_every_process():
    """Ctrl-C while the model loads: nothing is left, and there is no traceback."""
    before = set(servers())
    process = subprocess.Popen(
        ["script/predict", "Hi"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PYTHON
    )
    said = ""
    while "Importing vLLM" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, "Traceback" in rest) == ("", False)
    assert set(servers()) <= before


def test_weights_that_are_not_there_fail_within_seconds():
    """The operator's sentence, without Cog's prefixes."""
    ran = subprocess.run(
        ["script/predict", "Hi"], capture_output=True, text=True, timeout=120, env={**PYTHON, "COG_WEIGHTS": "/nowhere"}
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "/nowhere is not a directory; run script/weights download --to /nowhere."


def test_a_port_that_is_none_is_refused():
    """Before anything is started."""
    ran = subprocess.run(["script/serve"], capture_output=True, text=True, timeout=60, env={**PYTHON, "PORT": "http"})
    assert (ran.returncode, ran.stderr) == (2, "PORT=http is refused: give a port from 1 to 65535.\n")


def test_an_old_python_is_one_sentence():
    """Every command says which Python it needs."""
    source = Path("granite/cli/__init__.py").read_text()
    assert "set PYTHON to a Python 3.11 or newer" in source
