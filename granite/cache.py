"""Where this project keeps what it makes on a machine. Standard library only."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def directory() -> Path:
    """`$XDG_CACHE_HOME/granite-cog`, by default `~/.cache/granite-cog`: outside the tree, so that no build copies it.

    In an image `/cache/granite-cog`, whichever user runs it: the place for a volume.
    """
    default = Path("/cache") if in_image() else Path("~/.cache").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "granite-cog"


def in_image() -> bool:
    """Whether this process runs in an image, as cog.yaml says there."""
    return os.environ.get("GRANITE_ENVIRONMENT") == "image"


@contextmanager
def locked(file: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Keep other processes out by a lock on a file, made if need be; `waiting` is called first if one of them is in."""
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
