"""When the checks' server is started."""

from pathlib import Path

import pytest

from granite.engine.engine_args import COMPILED
from granite.errors import OperatorError
from granite.gpu_check import running
from granite.gpu_check.checks import Checks


class Server:
    started = None
    failing = False

    def __init__(self, extra):
        self.variables, self.status = extra, "READY"
        Server.started.append(extra)

    def __enter__(self):
        self.log = self.variables["LOG"]
        self.log.write_text("a line\n")
        compiled = Path(self.variables["TRITON_CACHE_DIR"])
        compiled.mkdir(parents=True, exist_ok=True)
        (compiled / "kernel").write_text("123")
        return self

    def wait(self, report):
        if Server.failing:
            raise OperatorError("There are no weights.")

    def health(self):
        return {"status": self.status}

    def stop(self):
        self.status = "stopped"


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # its size is not of interest
    monkeypatch.setattr(running, "Server", Server)
    monkeypatch.setattr(running, "Calls", lambda server: server)
    monkeypatch.setattr(Server, "started", [])
    with running.Running(Checks(), {"LOG": tmp_path / "log"}, tmp_path) as server:
        yield server
    assert not (tmp_path / "log").exists()


def verdicts(server):
    return [(record["name"], record["status"], record["reason"]) for record in server._checks.records]


def end(calls):
    calls.status = "UNHEALTHY"
    return {}


def test_a_server_that_a_check_ended_is_started_again(server, tmp_path):
    server.start("start FP8", QUANTIZATION="fp8")
    server.check("first", end)
    server.check("second", lambda calls: {"status": calls.status})
    server.check("third", lambda calls: {})
    names = ["start FP8", "first", "start again for second", "second", "third"]
    assert verdicts(server) == [(name, "passed", "") for name in names]
    assert [started["QUANTIZATION"] for started in Server.started] == ["fp8", "fp8"]
    assert Server.started[0]["XDG_CACHE_HOME"] == str(tmp_path)
    assert {Server.started[0][name] for name in COMPILED} == {
        f"{tmp_path}/granite-cog/{folder}" for folder in COMPILED.values()
    }


def test_without_a_server_each_check_is_skipped(server, monkeypatch):
    monkeypatch.setattr(Server, "failing", True)
    assert not server.start("start")
    server.check("first", end)
    assert verdicts(server) == [
        ("start", "failed", "There are no weights."),
        ("first", "skipped", "the server did not start"),
    ]
    figures = server._checks.records[0]["figures"]
    assert (figures["cache"], figures["log"]) == ({"triton": (1, 3)}, ["a line"])
