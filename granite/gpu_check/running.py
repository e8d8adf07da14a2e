"""The server that the checks talk to: started, timed, and started again where a check has ended it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from granite.cli.environment import say
from granite.cli.server import Server, free_port
from granite.engine.engine_args import COMPILED
from granite.errors import OperatorError
from granite.gpu_check import files, startup
from granite.gpu_check.calls import Calls
from granite.gpu_check.checks import Checks, Failure, Figures, Skipped
from granite.serving.health import READY


class Running:
    """Leaving the context stops the server. `variables`: of each server. `cache`: a directory for what they compile."""

    def __init__(self, checks: Checks, variables: Mapping[str, str], cache: Path) -> None:
        self._checks = checks
        self._cache = cache
        compiled = {name: str(cache / "granite-cog" / folder) for name, folder in COMPILED.items()}
        self._variables = {**variables, "XDG_CACHE_HOME": str(cache), **compiled, "LOG_FORMAT": "console"}
        self._more: Mapping[str, str] = {}
        self._server: Server | None = None
        self._calls: Calls | None = None

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, **more: str) -> bool:
        """Stop the last server and start one, as a check. `more`: environment variables. Whether it is READY."""
        self.stop()
        self._more = more
        return self._checks.run(name, self._start)

    def check(self, name: str, check: Callable[[Calls], Figures]) -> bool:
        """Run a check on the server; start that again first if the check before has ended it."""
        if self._server and self._calls and self._server.health()["status"] not in READY:
            self.start(f"start again for {name}", **self._more)
        return self._checks.run(name, lambda: check(self._ready()))

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server.log.unlink(missing_ok=True)
        self._server = self._calls = None

    def _ready(self) -> Calls:
        if self._calls is None:
            raise Skipped("the server did not start")
        return self._calls

    def _start(self) -> Figures:
        before, began = files.outside(), time.monotonic()
        own = {"OPENAI_HOST": "127.0.0.1", "OPENAI_PORT": str(free_port())}
        self._server = Server({**self._variables, **self._more, **own}).__enter__()
        sentence = ""
        try:
            self._server.wait(say)
        except OperatorError as error:
            sentence = str(error)
        seconds = round(time.monotonic() - began, 1)
        log = self._server.log.read_text(errors="replace")
        figures = {
            "ready_s": seconds,
            **startup.stages(log),
            "cache": files.written(self._cache / "granite-cog"),
            "outside": files.changed(before, files.outside()),
            "log": startup.lines(log),
        }
        if sentence:
            self.stop()
            raise Failure(sentence, figures)
        self._calls = Calls(self._server)
        return figures

    def engine(self, calls: Calls) -> Figures:
        return startup.engine(calls.server.log.read_text(errors="replace"))
