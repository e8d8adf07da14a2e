"""Our own predictor's schema: what a request may hold, and the file in which Cog's server looks for it."""

from __future__ import annotations

import os
from typing import Any

from granite.cli.environment import ROOT
from granite.schema import Reading, read

WRITTEN = ROOT / ".cog" / "openapi_schema.json"
"""Without it Cog's server validates nothing, fills in no defaults and does not stream; `cog build` writes it, too."""


def ours() -> Reading:
    return read(ROOT / "predict.py", "Predictor", ROOT)


def write(reading: Reading) -> None:
    WRITTEN.parent.mkdir(exist_ok=True)
    # Renamed into place: a server that starts meanwhile must never read half a schema.
    partial = WRITTEN.with_suffix(f".{os.getpid()}")
    partial.write_bytes(reading.json().encode())
    partial.replace(WRITTEN)


def input_properties() -> dict[str, Any]:
    """Each input's name and JSON schema, in the order of the inputs; an input with choices holds them as `enum`."""
    schemas = ours().openapi["components"]["schemas"]
    return {name: _resolved(schema, schemas) for name, schema in schemas["Input"]["properties"].items()}


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Cog writes choices as a schema of their own and refers to it by `allOf`."""
    named = [schemas[member["$ref"].rpartition("/")[2]] for member in schema.get("allOf", [])]
    rest = {key: value for key, value in schema.items() if key != "allOf"}
    return {**{key: value for each in named for key, value in each.items()}, **rest}
