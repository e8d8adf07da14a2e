"""What a person sees while they wait: a live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from types import TracebackType

LINE_EVERY = 10
"""Seconds between plain lines where nothing new happens."""


class Progress:
    """Shows the seconds since it began and what is being done now, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._began = time.monotonic()
        self._said = ("", 0.0)
        self._live = Status("", console=Console(stderr=True)) if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def show(self, doing: str) -> None:
        """Call often: a terminal's line is drawn anew, a pipe gets a line when `doing` changes or time passes."""
        said, at = self._said
        if self._live:
            self._live.update(f"{doing} … {self.seconds:.0f} s")
        elif doing != said or self.seconds - at >= LINE_EVERY:
            print(f"{doing} … {self.seconds:.0f} s", file=sys.stderr, flush=True)
            self._said = (doing, self.seconds)
