"""Which model files this server loads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from granite.errors import WeightsError
from granite.hardware import Hardware
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
    """Logged at every start."""


def find(settings: Settings, hardware: Hardware, report: Callable[[str], None], in_tree: Path = IN_TREE) -> Weights:
    """`COG_WEIGHTS`, else `weights/`, else, only without a GPU, the demo weights, made on first use. Raises WeightsError."""
    if settings.cog_weights is not None:
        directory = settings.cog_weights
    elif (in_tree / "config.json").exists():
        directory = in_tree
    elif hardware.gpus:
        raise WeightsError(f"{in_tree} holds no model; run script/weights download, or set COG_WEIGHTS.")
    else:
        directory = demo.write(report)
    checkpoint.check(directory)
    return Weights(directory, "granite-demo", DEMO_NOTICE) if checkpoint.is_demo(directory) else Weights(directory)
