"""Where this project keeps what it makes on a machine. Standard library only."""

import os
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
