"""Where this project keeps what it makes on a machine. Standard library only."""

import os
from pathlib import Path


def directory() -> Path:
    """`$XDG_CACHE_HOME/granite-cog`, by default `~/.cache/granite-cog`: outside the tree, so that no build copies it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "granite-cog"
