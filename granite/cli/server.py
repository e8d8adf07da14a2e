"""A real Cog server as a child process: its environment, its start, and how all its processes end."""

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
from typing import IO, Any, Self

import yaml

from granite import hardware
from granite.cli import schema
from granite.cli.environment import ROOT, say
from granite.errors import OperatorError
from granite.serving.guardian import LAUNCHER
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


def variables(port: int, operator: Mapping[str, str], *, gpu: bool) -> dict[str, str]:
    """The environment of a server: what the image sets and a build bakes in, overridden by the operator's variables."""
    cog = yaml.safe_load((ROOT / "cog.yaml").read_text())
    image = dict(pair.split("=", 1) for pair in cog["environment"])
    del image["GRANITE_ENVIRONMENT"]  # true in an image alone
    # Without it Cog runs one prediction at a time.
    concurrency = Settings.model_fields["cog_max_concurrency"].default if gpu else CPU_CONCURRENCY
    build = {"COG_MAX_CONCURRENCY": str(concurrency), "COG_PREDICT_TYPE_STUB": str(ROOT / cog["predict"])}
    given = {name: value for name, value in operator.items() if value}
    for directory in {"COG_WEIGHTS", "ADAPTERS"} & given.keys():
        # Relative to the operator's working directory; the server has one of its own.
        given[directory] = str(Path(given[directory]).expanduser().absolute())
    return {**image, **build, **given, "PYTHONPATH": str(ROOT), "PORT": str(port)}


def command(host: str) -> list[str]:
    return [sys.executable, "-m", "cog.server.http", "--host", host]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ForegroundServer:
    """A Cog server in a session of its own. Leaving the context ends it with all its processes.

    `extra`: environment variables for this server alone. `variables`: its whole environment.
    """

    def __init__(self, extra: Mapping[str, str], host: str, port: int) -> None:
        """Raises OperatorError."""
        self._host = host
        self._grace = Settings.from_environment().shutdown_grace
        self._directory = schema.working_directory()
        self.variables = variables(port, {**os.environ, **extra}, gpu=hardware.is_for_gpus())
        self.variables[LAUNCHER] = str(os.getpid())

    def __enter__(self) -> Self:
        self._start(output=None)
        return self

    def _start(self, output: IO[bytes] | None) -> None:
        """`output`: a file; None: this process's own stdout and stderr."""
        self._process = subprocess.Popen(
            command(self._host),
            cwd=self._directory,
            env=self.variables,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()

    def ended(self, seconds: float | None = None) -> int:
        """The exit code once the server has ended by itself. Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End the server and every process that it started.

        Running requests may finish within SHUTDOWN_GRACE; the next SIGINT, SIGTERM or SIGHUP kills it at once.
        """
        endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = {ending: signal.signal(ending, lambda *_: self._kill()) for ending in endings}
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._grace + END_SECONDS)
        # A killed server leaves its worker and the engine behind.
        deadline = time.monotonic() + 5
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.05)
        self._kill()
        self._process.wait()
        for ending, handler in handlers.items():
            signal.signal(ending, handler)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Server(ForegroundServer):
    """A Cog server on a free port of this machine's loopback.

    `log`: the file with its output, which may contain prompts: only its owner can read it, and it is kept only if the
    server failed or ended by itself.
    """

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        super().__init__(extra, "127.0.0.1", self._port)

    @property
    def openai_url(self) -> str:
        """Of the OpenAI API, where OPENAI_PORT turns it on."""
        return f"http://127.0.0.1:{self.variables['OPENAI_PORT']}"

    def __enter__(self) -> Self:
        with tempfile.NamedTemporaryFile(prefix="granite-server-", suffix=".log", delete=False) as log:
            self.log = Path(log.name)
            self._start(log)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        failed = self._process.poll() is not None or (kind is not None and issubclass(kind, OperatorError))
        self.stop()
        if failed:
            say(f"The server's log is {self.log}.")
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
