"""The command, as far as it starts no server: what stops it is a sentence, and there is a report all the same."""

import json
import os
import subprocess
import sys

import pytest

from granite.gpu_check.__main__ import NO_SERVER, TRIAL


@pytest.fixture
def run(tmp_path):
    """Run it; return its exit code, the checks in its report, and what it said."""

    def run(**variables):
        file = tmp_path / "report.json"
        own = {"PYTHON": sys.executable, "GRANITE_ENVIRONMENT": "image", "XDG_CACHE_HOME": str(tmp_path), **variables}
        command = ["script/gpu-check", "--cpu", "--output", str(file)]
        ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **own})
        report = json.loads(file.read_text())
        assert report["not_shown"] == [TRIAL, NO_SERVER]
        *said, last = ran.stderr.splitlines()
        assert last == f"The report is {file}."
        return ran.returncode, report["checks"], said

    return run


def test_a_cache_that_cannot_be_written(run):
    error = "[Errno 20] Not a directory: '/dev/null/granite-cog'"
    sentence = f"Cannot write the cache: {error}; set XDG_CACHE_HOME to another directory."
    assert run(XDG_CACHE_HOME="/dev/null") == (2, [], [sentence])


def test_a_setting_that_no_server_takes(run):
    code, (cold,), said = run(SHUTDOWN_GRACE="-1")
    sentence = "SHUTDOWN_GRACE=-1 is invalid: Input should be greater than or equal to 0."
    assert (code, cold["status"], cold["reason"]) == (1, "failed", sentence)
    assert len(said) == 1
