"""The LoRA adapter that a request names."""

from __future__ import annotations

from collections.abc import Sequence

from granite.request.faults import Faults, shown
from granite.request.inputs import Inputs


def checked(faults: Faults, inputs: Inputs, known: Sequence[str]) -> str | None:
    """None: the model alone. `known`: the names of the server's adapters."""
    name = inputs.adapter
    if name is None or name in known:
        return name
    if known:
        faults.add("adapter", f"adapter must be one of {', '.join(known)}, got {shown(name)}.")
    else:
        faults.add("adapter", f"adapter {shown(name)} is unknown: this server has no adapters: ADAPTERS names none.")
    return None
