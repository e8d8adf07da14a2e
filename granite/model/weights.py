"""Which model files this server loads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from granite import hardware
from granite.errors import WeightsError
from granite.model import checkpoint, demo
from granite.settings import Settings

DEMO_NOTICE = (
    "These are demo weights: SmolLM2-135M in Granite's architecture and prompt format, for trying and testing, "
    "not Granite's quality"
)

IN_TREE = Path(__file__).resolve().parents[2] / "weights"


@dataclass(frozen=True)
class Weights:
    """A checked model directory and the name that it is served by."""

    directory: Path
    name: str = "granite-3.3-8b-instruct"
    notice: str = ""
    """What an operator is told at every start."""


def find(settings: Settings, report: Callable[[str], None] = lambda sentence: None) -> Weights:
    """`COG_WEIGHTS`, else `weights/`, else, only without a GPU, the demo weights, written if need be.

    `report` gets a sentence for each step of writing them.

    Raises WeightsError for a directory that is missing or damaged, and on a GPU without weights.
    """
    if settings.cog_weights is not None:
        directory = settings.cog_weights
    elif (IN_TREE / "config.json").exists():
        directory = IN_TREE
    elif hardware.has_gpu():
        raise WeightsError(f"No model in {IN_TREE}: fill it by script/weights download, or set COG_WEIGHTS.")
    else:
        directory = demo.write(report=report)
    checkpoint.check(directory)
    if demo.is_demo(directory):
        return Weights(directory, "granite-demo", DEMO_NOTICE)
    return Weights(directory)
