"""What a server writes: in its cache, and outside of it."""

import contextlib
import tempfile
from pathlib import Path

from granite import cache

Sizes = dict[str, tuple[int, int]]
"""Files and bytes of each directory."""


def written(directory: Path) -> Sizes:
    """Of each entry of a directory."""
    if not directory.is_dir():
        return {}
    return {entry.name: _size(entry) for entry in sorted(directory.iterdir())}


def outside() -> Sizes:
    """Of each place where vLLM and its libraries write by default, instead of our cache."""
    home = Path("~").expanduser()
    parts = [*(home / ".cache").glob("*"), *(home / ".config").glob("*"), home / ".triton", home / ".nv"]
    parts += [entry for name in ("torchinductor_*", "triton*") for entry in Path(tempfile.gettempdir()).glob(name)]
    return {str(part): _size(part) for part in sorted(parts) if part != cache.directory()}


def changed(before: Sizes, after: Sizes) -> Sizes:
    """What has grown or is new, with its size now."""
    return {name: size for name, size in after.items() if size != before.get(name, (0, 0))}


def _size(entry: Path) -> tuple[int, int]:
    files = size = 0
    for file in (entry, *entry.rglob("*")):
        with contextlib.suppress(OSError):  # others write there, too
            if file.is_file() and not file.is_symlink():
                size += file.stat().st_size
                files += 1
    return files, size
