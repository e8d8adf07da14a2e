"""The scalar types Cog knows by their bare names, and what each is in JSON Schema.

The name alone counts: `pathlib.Path` is Cog's Path too. Source: PrimitiveType, pkg/schema/types.go.
"""

from __future__ import annotations

from typing import Any

PRIMITIVES: dict[str, dict[str, Any]] = {
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "str": {"type": "string"},
    "Path": {"type": "string", "format": "uri"},
    "File": {"type": "string", "format": "uri"},
    "Secret": {"type": "string", "format": "password", "writeOnly": True, "x-cog-secret": True},
    "Any": {"type": "object"},
}


def unresolvable_import(name: str, module: str) -> str:
    """Cog's words for an imported type it knows nothing of."""
    return (
        f"cannot resolve type '{name}' (imported from '{module}') - external types cannot be statically analyzed. "
        "If this is a JSON-shaped third-party type, mark it opaque with `from typing import Annotated`, "
        f"`from cog import Opaque`, and `field: Annotated[{name}, Opaque]`. "
        "Otherwise define it as a BaseModel subclass in your predict file, or provide a .pyi stub"
    )
