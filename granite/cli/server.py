"""A real Cog server as a child process: its environment, when it is ready, and how all its processes end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from granite import hardware
from granite.cli import schema
from granite.cli.environment import ROOT
from granite.errors import OperatorError
from granite.serving.health import NoHealth, health, without_prefix
from granite.settings import Settings

CPU_CONCURRENCY = 32
"""Predictions at once without a GPU: more would only share the same cores."""

PHASES = (
    ("", "Starting the server"),
    ("Reading SmolLM2", "Writing the demo weights"),
    ("Importing vLLM", "Importing vLLM"),
    ("Initializing a V1 LLM engine", "Starting the engine"),
    ("Starting to load model", "Loading the weights"),
    ("Warming up model", "Warming up"),
)
"""What the server's log contains once each phase has begun, in order."""

END_SECONDS = 20
"""How long a server may take to end, beyond SHUTDOWN_GRACE, before it is killed."""


def command(host: str) -> list[str]:
    return [sys.executable, "-m", "cog.server.http", "--host", host]


def variables(port: int, operator: Mapping[str, str], *, gpu: bool) -> dict[str, str]:
    """The environment of a server: what the image sets and a build bakes in, overridden by the operator's variables."""
    cog = yaml.safe_load((ROOT / "cog.yaml").read_text())
    image = dict(pair.split("=", 1) for pair in cog["environment"])
    # Without it Cog runs one prediction at a time.
    concurrency = Settings.model_fields["cog_max_concurrency"].default if gpu else CPU_CONCURRENCY
    build = {"COG_MAX_CONCURRENCY": str(concurrency), "COG_PREDICT_TYPE_STUB": cog["predict"]}
    given = {name: value for name, value in operator.items() if value}
    for directory in {"COG_WEIGHTS", "ADAPTERS"} & given.keys():
        # The server's working directory is the project, not the operator's.
        given[directory] = str(Path(given[directory]).expanduser().absolute())
    return {**image, **build, **given, "PORT": str(port)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A Cog server on loopback, in a session of its own. Leaving the context ends it with all its processes.

    `extra`: environment variables for this server alone. `variables`: its whole environment. `log`: the file with its
    output, which may contain prompts: only its owner can read it, and it is kept only if the server failed.
    """

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.variables = variables(self._port, {**os.environ, **extra}, gpu=hardware.has_gpu())

    def __enter__(self) -> Server:
        schema.write()
        with tempfile.NamedTemporaryFile(prefix="granite-server-", suffix=".log", delete=False) as log:
            self.log = Path(log.name)
            self._process = subprocess.Popen(
                command("127.0.0.1"),
                cwd=ROOT,
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.pid = self._process.pid
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        if kind is OperatorError:
            print(f"The server's log is {self.log}.", file=sys.stderr)
        else:
            self.log.unlink()

    def health(self) -> dict[str, Any]:
        """Cog's `/health-check`: `status`, and `setup` with its logs. STARTING until it answers."""
        try:
            return health(self._port)
        except NoHealth:
            return {"status": "STARTING"}

    def wait(self, report: Callable[[str], None] = lambda line: None) -> None:
        """Return when the server is READY; `report` gets lines of progress. Raises OperatorError if it fails."""
        began, last = time.monotonic(), ""
        while (status := (state := self.health())["status"]) != "READY":
            if status == "SETUP_FAILED":
                raise OperatorError(without_prefix(state["setup"]["logs"]))
            if status != "STARTING" or self._process.poll() is not None:
                raise OperatorError("The server ended before it was ready; its log says why.")
            log = self.log.read_text(errors="replace")
            phase = [phase for mark, phase in PHASES if mark in log][-1]
            seconds = int(time.monotonic() - began)
            if last != (last := f"{phase} {seconds // 10}"):
                report(f"{phase} … {seconds} s")
            time.sleep(0.25)

    def ended(self, seconds: float) -> int:
        """The exit code once the server has ended by itself. Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End the server and every process that it started, with SIGKILL if need be."""
        # A second Ctrl-C would leave processes behind.
        endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = {ending: signal.signal(ending, signal.SIG_IGN) for ending in endings}
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(Settings.model_fields["shutdown_grace"].default + END_SECONDS)
        # A killed server leaves its worker and the engine behind.
        deadline = time.monotonic() + 5
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.05)
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for ending, handler in handlers.items():
            signal.signal(ending, handler)
