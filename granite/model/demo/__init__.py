"""Demo weights: a small real model, SmolLM2-135M-Instruct, written as an exact Granite checkpoint.

A machine without a GPU cannot serve 8 billion parameters, and a machine without a network cannot fetch them. The demo
lets the same code run there: vLLM's GraniteForCausalLM, Granite's prompt format, Granite's token ids. Granite with its
four multipliers set to 1 (and head_dim ** -0.5 for attention) computes what Llama computes, and each special token of
Granite takes the row of its counterpart in SmolLM2, so that Granite's prompt becomes the very rows that SmolLM2 was
trained on. It answers like a model of its size, not like Granite.

Importing this package needs only the standard library and safetensors: a machine with a GPU has no gguf.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from granite import cache
from granite.model.demo import place


def directory() -> Path:
    """Where the demo weights are by default, whether or not they exist yet."""
    return cache.directory() / f"demo-{place.key()}"


def write(report: Callable[[str], None], target: Path | None = None) -> Path:
    """Make the demo weights in `target` (None: the default directory) unless they are there, and return it.

    `report` gets a sentence for each step. Raises WeightsError if the model's package is missing, `target` holds
    something else, or the disk refuses.
    """
    target = (target or directory()).absolute()
    place.write(target, _fill, report)
    return target


def _fill(directory: Path, report: Callable[[str], None]) -> None:
    from granite.model.demo import files

    files.write(directory, report)
