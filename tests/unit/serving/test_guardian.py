"""Whatever dies, the rest follows: real processes in place of the server's."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import structlog

from granite.serving import guardian

WORKER = """
import subprocess, sys, time
from granite.serving import guardian
guardian.start()
engine = subprocess.Popen(["sleep", "600"])
print(engine.pid, flush=True)
time.sleep(600)
"""
SERVER = f"""
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", {WORKER!r}])
print(worker.pid, flush=True)
sys.exit(worker.wait() and 1)
"""
DEADLINE = 30


@pytest.fixture
def tree():
    """Processes by their names."""
    launcher = subprocess.Popen(["sleep", "600"])
    variables = os.environ | {guardian.LAUNCHER: str(launcher.pid), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", SERVER]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables, start_new_session=True)
    worker, engine = (int(server.stdout.readline()) for _ in range(2))
    processes = {"launcher": launcher.pid, "server": server.pid, "worker": worker, "engine": engine}
    yield {name: psutil.Process(pid) for name, pid in processes.items()} | {"guardian": guardian_of(worker)}
    launcher.kill()
    launcher.wait()
    server.wait()
    server.stdout.close()


def guardian_of(worker, other=None):
    """The worker's guardian that is not `other`."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        for child in psutil.Process(worker).children():
            if child != other and guardian.__file__ in child.cmdline():
                return child
    raise AssertionError("there is none")


@pytest.mark.parametrize("killed", ["launcher", "server", "worker"])
def test_one_dies_and_all_follow(tree, killed):
    tree[killed].kill()
    rest = [process for name, process in tree.items() if name != "launcher"]
    _, alive = psutil.wait_procs(rest, timeout=DEADLINE)
    assert alive == []


def test_a_guardian_that_dies_is_replaced(tree):
    tree["guardian"].kill()
    other = guardian_of(tree["worker"].pid, tree["guardian"])
    assert psutil.pid_exists(tree["engine"].pid)
    tree["worker"].kill()
    _, alive = psutil.wait_procs([other, tree["server"], tree["engine"]], timeout=DEADLINE)
    assert alive == []


def test_a_server_that_ends_by_itself_keeps_its_exit_code():
    """It is killed only if it is still there after the grace."""
    server = subprocess.Popen(["sh", "-c", "read end; exit 7"], stdin=subprocess.PIPE, start_new_session=True)
    worker = subprocess.Popen(["sleep", "600"], start_new_session=True)
    processes = [os.pidfd_open(process.pid) for process in (server, worker)]
    command = [sys.executable, guardian.__file__, str(worker.pid), *map(str, processes)]
    watching = subprocess.Popen(command, pass_fds=processes)
    worker.kill()
    server.communicate(b"\n")
    assert (server.returncode, watching.wait(DEADLINE), worker.wait()) == (7, 0, -signal.SIGKILL)
    for process in processes:
        os.close(process)


def test_a_kernel_without_pidfds_has_no_guardian(monkeypatch):
    """The server serves all the same."""

    def refuse(pid):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    monkeypatch.setattr(os, "setpgid", lambda *_: None)
    with structlog.testing.capture_logs() as entries:
        guardian.start({})
    assert [(entry["log_level"], entry["reason"]) for entry in entries] == [("warning", "Function not implemented")]
