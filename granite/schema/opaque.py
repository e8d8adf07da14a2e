"""Annotated[X, Opaque]: a value that Cog passes on without looking inside.

Only the shape of X counts: a list, an optional, or anything else. Source: opaqueFieldType and unwrapOpaqueOptional,
pkg/schema/types.go; opaqueSchemaType, pkg/schema/schema_type.go.
"""

from __future__ import annotations

from granite.schema.annotations import Annotation, besides_none, optional
from granite.schema.imports import Imports


def opaque(found: Annotation, imports: Imports) -> Annotation | None:
    """X of Annotated[X, …, Opaque, …]; None for anything else."""
    if not imports.is_annotated(found.name) or len(found.args) < 2:
        return None
    marked = any(mark.is_simple and imports.is_opaque(mark.name) for mark in found.args[1:])
    return found.args[0] if marked else None


def typing_optional(found: Annotation, imports: Imports) -> Annotation | None:
    """X of an optional in any spelling, with typing's names under whatever name they were imported."""
    if found.args and not found.is_union:
        name = imports.container(found.name)
        if name is None:
            return None
        if name == "Optional" and len(found.args) == 1:
            return found.args[0]
        if name == "Union" and len(found.args) == 2 and (inner := besides_none(found.args)):
            return inner
    return optional(found)


def is_list(found: Annotation, imports: Imports) -> bool:
    """Whether it is list or typing's List, with or without an element type."""
    return not found.is_union and imports.container(found.name) in {"list", "List"}


def input_shape(inner: Annotation, imports: Imports) -> tuple[bool, bool]:
    """Whether an opaque input is a list, and whether it is nullable."""
    if (unwrapped := opaque(inner, imports)) is not None:
        return input_shape(unwrapped, imports)
    if is_list(inner, imports):
        return True, False
    if (inside := _optional(inner, imports)) is not None:
        return input_shape(inside, imports)[0], True
    return False, False


def _optional(inner: Annotation, imports: Imports) -> Annotation | None:
    if inner.is_union:
        return optional(inner)
    return typing_optional(inner, imports) if inner.args else None
