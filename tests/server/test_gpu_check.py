"""`script/gpu-check`: without a GPU the check itself, on both of vLLM's model runners; with one, its verdict."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from granite.cli.environment import ROOT
from granite.cli.server import Server
from granite.gpu_check import running, story
from granite.gpu_check.__main__ import DUMMY, NO_SERVER, TRIAL, parser
from granite.gpu_check.checks import Checks
from granite.model import demo
from tests import adapters
from tests.samples import EXACT

SHIM = next((ROOT / "tests/gpu_runner").rglob("sitecustomize.py")).parent
"""Lets model runner V2 run on a CPU."""

SMALL = ["--cpu", "--times", "2", "--among", "4"]
ENGINE_ARGS = json.dumps({**EXACT, "max_model_len": 1024})
RUN = "GRANITE_TEST_RUN"

BEFORE_LOAD = [
    *("start cold", "killed engine", "start warm", "engine", "page greedy"),
    *("json", "regex", "tools required", "tools auto", "thinking", "citations"),
    *("seeds", "logprobs", "penalties", "adapters", "context"),
    *("limit allowed_token_ids", "limit logit_bias", "limit stop_token_ids", "limit bad_words"),
]
SKIPPED = {"adapters": "ADAPTERS is not set", "load 64": "COG_MAX_CONCURRENCY is 32", "FP8": "nvidia-smi shows no GPU"}


@pytest.fixture(scope="module")
def weights():
    return str(demo.write(print))


@pytest.fixture
def start(tmp_path, weights):
    """Start the command, with a model directory without weights and a cache of its own.

    Afterwards none of its processes is left.
    """
    model = tmp_path / "model"
    model.mkdir()
    for file in Path(weights).glob("*.json"):
        (model / file.name).symlink_to(file)
    own = {
        "PYTHON": sys.executable,
        "GRANITE_ENVIRONMENT": "image",
        "XDG_CACHE_HOME": str(tmp_path),
        RUN: uuid.uuid4().hex,
    }
    variables = {**os.environ, **own, "COG_WEIGHTS": str(model), "ENGINE_ARGS": ENGINE_ARGS}

    def start(*arguments):
        command = ["script/gpu-check", "--output", str(tmp_path / "report.json"), *arguments]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, text=True, env=variables, **pipe)

    yield start
    left = [process.name() for process in psutil.process_iter() if marked(process, own[RUN])]
    assert left == []
    assert [*(tmp_path / "granite-cog").glob("gpu-check-*")] == []


def marked(process, mark):
    try:
        return process.environ().get(RUN) == mark
    except psutil.Error:
        return False


def verdicts(records):
    return [(record["name"], record["status"], record["reason"]) for record in records]


def expected(names):
    return [(name, "skipped" if name in SKIPPED else "passed", SKIPPED.get(name, "")) for name in names]


@pytest.mark.slow
def test_every_check_runs(start, tmp_path):
    process = start(*SMALL, "--dummy", "--streams", "1,8,64", "--tokens", "32")
    table, said = process.communicate(timeout=500)
    report = json.loads((tmp_path / "report.json").read_text())
    names = [*BEFORE_LOAD, "load 1", "load 8", "load 64", "cancel", "SIGTERM", "FP8"]
    assert verdicts(report["checks"]) == expected(names), said
    assert process.returncode == 0
    assert [line.split("  ")[0] for line in table.splitlines() if line[:1] != " "][: len(names)] == names
    assert report["not_shown"] == [DUMMY, TRIAL, *(f"{name}: {reason}." for name, reason in SKIPPED.items())]

    figures = {record["name"]: record["figures"] for record in report["checks"]}
    assert {"runner": "V1", "context": 1024}.items() <= figures["engine"].items()
    assert figures["limit logit_bias"]["cog"] == 1024
    assert figures["limit stop_token_ids"]["openai"] == 127  # the end of text is the 128th
    assert figures["killed engine"]["exit_code"] == 137
    assert figures["load 8"]["chunks"] <= 8 * 32
    assert figures["start cold"]["cache"].keys() >= {"vllm", "torchinductor"}


@pytest.mark.slow
def test_every_check_runs_on_the_model_runner_of_gpus(tmp_path, weights, lora_directory, monkeypatch):
    """With adapters."""

    class OnV2(Server):
        def __init__(self, extra):
            super().__init__(extra)
            self.variables["PYTHONPATH"] += f"{os.pathsep}{SHIM}"

    monkeypatch.setattr(running, "Server", OnV2)
    monkeypatch.delitem(SKIPPED, "adapters")
    settings = {
        "ADAPTERS": str(lora_directory),
        "TRITON_INTERPRET": "1",
        "VLLM_USE_V2_MODEL_RUNNER": "1",
        "ENGINE_ARGS": ENGINE_ARGS,
    }
    for name, value in {**settings, "COG_WEIGHTS": weights, "XDG_CACHE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    checks = Checks()
    story.tell(parser().parse_args([*SMALL, "--streams", "1,4", "--tokens", "4"]), checks)
    assert verdicts(checks.records) == expected([*BEFORE_LOAD, "load 1", "load 4", "cancel", "SIGTERM", "FP8"])
    figures = {record["name"]: record["figures"] for record in checks.records}
    assert figures["engine"]["runner"] == "V2"
    assert figures["adapters"].keys() == {*adapters.SEEDS, "idle"}


@pytest.mark.slow
def test_an_interrupt_ends_the_server_and_writes_the_report(start, tmp_path):
    process = start("--cpu", "--dummy")
    for line in process.stderr:
        if line.startswith("Importing vLLM"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (process.returncode, verdicts(report["checks"])) == (130, [("start cold", "failed", "Interrupted.")])
    assert report["not_shown"] == [DUMMY, TRIAL, NO_SERVER]


@pytest.mark.gpu
def test_it_passes_on_this_gpu(tmp_path):
    assert subprocess.run(["script/gpu-check", "--output", str(tmp_path / "report.json")]).returncode == 0
