"""A real Cog server: how it is started, when it is ready, how every process of it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from granite import cache, hardware
from granite.cli import contract, environment
from granite.cli.client import DIRECT
from granite.cli.sentence import sentence
from granite.errors import OperatorError

CPU_CONCURRENCY = 32
"""Predictions at once where there is no GPU: more only share the same cores."""

PHASES = (
    ("Reading SmolLM2", "Writing the demo weights"),
    ("Importing vLLM", "Importing vLLM"),
    ("Initializing a V1 LLM engine", "Starting the engine"),
    ("Starting to load model", "Loading the weights"),
    ("Warming up model", "Warming up"),
)
"""What the server's log holds when each phase begins, in their order."""

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

END_SECONDS = 20
"""How long a server may take to end by itself, beyond SHUTDOWN_GRACE, before it is killed."""


def command(host: str) -> list[str]:
    return [sys.executable, "-m", "cog.server.http", "--host", host]


def variables(port: int, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server: this process's, below it what the image sets and a build would bake in."""
    import yaml

    from granite.settings import Settings

    cog = yaml.safe_load((environment.ROOT / "cog.yaml").read_text())
    image = dict(pair.split("=", 1) for pair in cog["environment"])
    # Without it Cog runs one prediction at a time.
    most = Settings.model_fields["cog_max_concurrency"].default if hardware.has_gpu() else CPU_CONCURRENCY
    ours = {"COG_MAX_CONCURRENCY": str(most), "COG_PREDICT_TYPE_STUB": cog["predict"], "PORT": str(port)}
    operator = {name: value for name, value in {**os.environ, **(extra or {})}.items() if value}
    for directory in {"COG_WEIGHTS", "ADAPTERS"} & operator.keys():
        # The server's working directory is the project, not the operator's.
        operator[directory] = str(Path(operator[directory]).expanduser().absolute())
    return {**image, **ours, **operator, "PORT": str(port)}


def _grace(variables: Mapping[str, str]) -> float:
    """Seconds that the server may let requests finish; where its setting means nothing, its setup says so."""
    from granite.settings import Settings

    try:
        return float(variables["SHUTDOWN_GRACE"])
    except (KeyError, ValueError):
        return float(Settings.model_fields["shutdown_grace"].default)


def prepare() -> None:
    """Write the schema that a build would: without it Cog validates nothing and does not stream."""
    contract.write(contract.ours())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A Cog server on loopback, in a session of its own; leaving the context ends it and all its processes.

    `url` is where it listens, `variables` its environment, `log` the file that takes what it prints: it may hold
    prompts, so only its owner can read it, and it is kept only where the server failed.
    """

    def __init__(self, extra: Mapping[str, str] | None = None) -> None:
        """`extra`: environment variables of its own."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = cache.directory() / "logs" / f"server-{port}.log"
        self.variables = variables(port, extra)
        self._failed = False
        self._grace = _grace(self.variables)

    def __enter__(self) -> Server:
        prepare()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as log:
            self._process = subprocess.Popen(
                command("127.0.0.1"),
                cwd=environment.ROOT,
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()
        if not self._failed:
            self.log.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def health(self) -> dict[str, Any]:
        """`/health-check`: its `status`, and `setup` with its logs. STARTING until it answers."""
        try:
            with DIRECT.open(f"{self.url}/health-check", timeout=10) as response:
                health: dict[str, Any] = json.load(response)
                return health
        except (OSError, HTTPException, ValueError):
            return {"status": "STARTING"}

    def wait(self, show: Callable[[str], None] = lambda doing: None) -> None:
        """Return when it is READY; `show` is told what it does, about four times a second.

        Raises OperatorError with setup's own sentence where setup failed, and where the server ended.
        """
        while (status := (health := self.health())["status"]) != "READY":
            ended = self._process.poll()
            self._failed = status != "STARTING" or ended is not None
            if status == "SETUP_FAILED":
                raise OperatorError(sentence(health["setup"]["logs"]))
            if self._failed:
                state = f"is {status}" if ended is None else f"ended with exit code {ended}"
                raise OperatorError(f"The server {state} before it was ready: see {self.log}.")
            show(self._doing())
            time.sleep(0.25)

    def ended(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself. Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """End it and every process that it started; its exit code. What does not end by itself is killed.

        A second Ctrl-C does not come between.
        """
        handlers = {ending: signal.signal(ending, signal.SIG_IGN) for ending in ENDINGS}
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
            self._process.wait(self._grace + END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end_session(self._process.pid)
            for ending, handler in handlers.items():
                signal.signal(ending, handler)
        return self._process.wait()

    def _doing(self) -> str:
        log = self.log.read_text(errors="replace")
        return next((doing for mark, doing in reversed(PHASES) if mark in log), "Starting the server")


def _end_session(session: int) -> None:
    """Kill what is left of the server's session: a killed server leaves its worker and the engine behind."""
    deadline = time.monotonic() + 5
    while _alive(session) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
