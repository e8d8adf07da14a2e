"""Demo weights: a small real model, SmolLM2-135M-Instruct, written as an exact Granite checkpoint.

A machine without a GPU cannot serve 8 billion parameters, and a machine without a network cannot fetch them. The demo
lets the same code run there: vLLM's GraniteForCausalLM, Granite's prompt format, Granite's token ids. Granite with its
four multipliers set to 1 (and head_dim ** -0.5 for attention) computes what Llama computes, and each special token of
Granite takes the row of its counterpart in SmolLM2, so that Granite's prompt becomes the very rows that SmolLM2 was
trained on. It answers like a model of its size, not like Granite.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from granite import cache
from granite.errors import WeightsError
from granite.model import checkpoint
from granite.model.demo import files, source

Report = Callable[[str], None]
Fill = Callable[[Path, Report], None]


LOCK, PARTIAL = ".demo.lock", ".demo.partial"
"""In the target: the file that its writer locks, and the directory that it fills first."""


def directory() -> Path:
    """Where the demo weights are by default. Raises WeightsError if the model's package is missing."""
    return cache.directory() / f"demo-{_key()}"


def write(report: Report, target: Path | None = None, fill: Fill = files.write) -> Path:
    """Make the demo weights in `target` (None: the default directory) unless they are there, and return it.

    Nothing outside the target is written: it may be a mounted volume. One process writes; another waits, then finds the
    weights there. `fill` writes into a hidden directory of the target. `report` gets a sentence for each step. Raises
    WeightsError, also if `target` holds something else.
    """
    fix = "set XDG_CACHE_HOME to another directory, or COG_WEIGHTS to a model's" if target is None else "choose another"
    target = (target or directory()).absolute()
    try:
        if not _is_complete(target):
            target.mkdir(parents=True, exist_ok=True)
            # In this order: a writer's card is there before its other files.
            others = {file.name for file in target.iterdir()} - {LOCK, PARTIAL, "README.md"}
            if others and not checkpoint.is_demo(target):
                raise WeightsError(f"{target} holds something other than demo weights; choose an empty directory.")
            waiting = f"Another process is writing the demo weights to {target}; waiting for it."
            with cache.locked(target / LOCK, lambda: report(waiting)):
                if not _is_complete(target):
                    _replace(target, fill, report)
                    return target
        report(f"The demo weights are already in {target}.")
    except OSError as error:
        raise WeightsError(f"Cannot write the demo weights to {target}: {error.strerror or error}; {fix}.") from error
    return target


def _replace(target: Path, fill: Fill, report: Report) -> None:
    partial = target / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    card = {"model": "SmolLM2-135M-Instruct as a Granite checkpoint", "license": "Apache-2.0", "key": _key()}
    partial.mkdir()
    fill(partial, report)
    # Without config.json the directory is not yet a model; with the card it may be overwritten.
    (target / "config.json").unlink(missing_ok=True)
    (target / checkpoint.DEMO_CARD).write_text(json.dumps(card, indent=2) + "\n")
    for file in sorted(partial.iterdir(), key=lambda file: file.name == "config.json"):
        file.replace(target / file.name)
    partial.rmdir()


def _is_complete(target: Path) -> bool:
    try:
        checkpoint.check(target)
        return checkpoint.read_json(target / checkpoint.DEMO_CARD, "").get("key") == _key()
    except WeightsError:
        return False


def _key() -> str:
    """12 hex digits that change with the source of this package and the version of SmolLM2's."""
    digest = hashlib.sha256(source.package().version.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
