"""What a person sees while they wait: one live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY = 10
"""Seconds between plain lines while nothing changes."""


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield a function to call often with the current phase. Shows it on stderr with the seconds since the start."""
    from rich.console import Console

    began = time.monotonic()
    if sys.stderr.isatty():
        with Console(stderr=True).status("") as status:
            yield lambda phase: status.update(f"{phase} … {time.monotonic() - began:.0f} s")
        return
    last = ("", began)

    def show(phase: str) -> None:
        nonlocal last
        now = time.monotonic()
        if phase != last[0] or now - last[1] >= LINE_EVERY:
            print(f"{phase} … {now - began:.0f} s", file=sys.stderr, flush=True)
            last = (phase, now)

    yield show
