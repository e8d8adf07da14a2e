"""A real Cog server as a child process: its environment, when it is ready, and how all its processes end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from granite import cache, hardware
from granite.cli import schema
from granite.cli.environment import ROOT
from granite.errors import OperatorError
from granite.serving.health import NoHealth, health, without_prefix
from granite.settings import Settings

CPU_CONCURRENCY = 32
"""Predictions at once without a GPU: more would only share the same cores."""

PHASES = (
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

    `url`: its address. `variables`: its environment. `log`: the file with its output. The log may contain prompts, so only
    its owner can read it, and it is kept only if the server failed.
    """

    def __init__(self, extra: Mapping[str, str] | None = None) -> None:
        """`extra`: environment variables for this server alone."""
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.log = cache.directory() / "logs" / f"server-{self._port}.log"
        self.variables = variables(self._port, {**os.environ, **(extra or {})}, gpu=hardware.has_gpu())
        self._failed = False

    def __enter__(self) -> Server:
        schema.write()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as log:
            self._process = subprocess.Popen(
                command("127.0.0.1"),
                cwd=ROOT,
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if not self._failed:
            self.log.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def health(self) -> dict[str, Any]:
        """Cog's `/health-check`: `status`, and `setup` with its logs. STARTING until it answers."""
        try:
            return health(self._port)
        except NoHealth:
            return {"status": "STARTING"}

    def wait(self, show: Callable[[str], None] = lambda phase: None) -> None:
        """Return when the server is READY; call `show` with the current phase about four times a second.

        Raises OperatorError if setup fails, with its sentence, or if the server ends.
        """
        while (status := (report := self.health())["status"]) != "READY":
            code = self._process.poll()
            self._failed = status != "STARTING" or code is not None
            if status == "SETUP_FAILED":
                raise OperatorError(without_prefix(report["setup"]["logs"]))
            if self._failed:
                state = f"is {status}" if code is None else f"ended with exit code {code}"
                raise OperatorError(f"The server {state} before it was ready; see {self.log}.")
            log = self.log.read_text(errors="replace")
            show(next((phase for mark, phase in reversed(PHASES) if mark in log), "Starting the server"))
            time.sleep(0.25)

    def ended(self, seconds: float) -> int:
        """The exit code once the server has ended by itself. Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """End the server and every process that it started, with SIGKILL if need be; return the exit code."""
        # A second Ctrl-C would leave processes behind.
        endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = {ending: signal.signal(ending, signal.SIG_IGN) for ending in endings}
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
            self._process.wait(self._grace() + END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_session()
            for ending, handler in handlers.items():
                signal.signal(ending, handler)
        return self._process.wait()

    def _grace(self) -> float:
        """Seconds in which the server lets requests finish. With an invalid setting its setup fails."""
        try:
            return float(self.variables["SHUTDOWN_GRACE"])
        except (KeyError, ValueError):
            return float(Settings.model_fields["shutdown_grace"].default)

    def _kill_session(self) -> None:
        """Kill what is left of the session: a killed server leaves its worker and the engine behind."""
        deadline = time.monotonic() + 5
        try:
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.05)
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
