"""Removes the directories of ended predictions, which coglet leaves in /tmp: three for each prediction.

Only in an image, where /tmp is this server's own: elsewhere other servers have theirs in the same place.
"""

import asyncio
import contextlib
import shutil
from pathlib import Path

from granite import cache

PREDICTIONS = Path("/tmp/coglet/predictions")
"""Written into coglet; a prediction's directory is named by its id, which a predictor does not learn."""

SECONDS = 60
"""From a prediction's directory to the start of predict(), at most."""


class Leftovers:
    def __init__(self, directory: Path = PREDICTIONS, *, own: bool | None = None) -> None:
        """`own`: whether no other server writes there; None: in an image."""
        self._directory = directory
        self._own = cache.in_image() if own is None else own
        self._before = 0.0

    async def sweep(self, oldest: float) -> None:
        """Remove what is older than every prediction that ran at the sweep before. `oldest`: when the oldest now began.

        Cog may still be reading what the latest to end has left.
        """
        if self._own:
            await asyncio.to_thread(self._remove, self._before)
        self._before = oldest - SECONDS

    def _remove(self, before: float) -> None:
        with contextlib.suppress(OSError):  # before the first prediction there is no directory
            for each in self._directory.iterdir():
                if each.lstat().st_mtime < before:
                    shutil.rmtree(each, ignore_errors=True)
