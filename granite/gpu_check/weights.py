"""Variables of a server whose weights are random."""

import json
from pathlib import Path

from granite.model.checkpoint import INDEX, SINGLE
from granite.model.weights import IN_TREE
from granite.settings import Settings

EMPTY = (2).to_bytes(8, "little") + b"{}"
"""A safetensors file without a tensor."""


def dummy(directory: Path) -> dict[str, str]:
    """The server checks that there are weights; if there are none, `directory` gets a model directory that passes."""
    settings = Settings.from_environment()
    variables = {"ENGINE_ARGS": json.dumps({**settings.engine_args, "load_format": "dummy"})}
    source = (settings.cog_weights or IN_TREE).absolute()
    if not (source / "config.json").exists() or [*source.glob("*.safetensors")]:
        return variables
    model = directory / "weights"
    model.mkdir()
    for file in source.iterdir():
        if file.name != INDEX:
            (model / file.name).symlink_to(file)
    (model / SINGLE).write_bytes(EMPTY)
    return variables | {"COG_WEIGHTS": str(model)}
