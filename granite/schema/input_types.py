"""The types an input may have: scalars, JSON objects, flat lists of these, optionals, and unions of these.

A TypedDict, a dict and Any are all one object; a BaseModel, a Literal and a list of lists are refused. Source:
ResolveInputType, pkg/schema/types.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from granite.schema.annotations import Annotation
from granite.schema.error import SchemaError
from granite.schema.imports import Imports
from granite.schema.opaque import input_shape, opaque
from granite.schema.primitives import PRIMITIVES, unresolvable_import


@dataclass(frozen=True)
class InputType:
    """A scalar by its name ("Any" for objects), a "list" of one, or a "union"; parts holds the element or variants."""

    name: str
    parts: tuple[InputType, ...] = ()
    nullable: bool = False

    @property
    def is_union(self) -> bool:
        """Whether it is a union of two or more."""
        return self.name == "union"

    @property
    def scalar(self) -> str:
        """The scalar's name, of a list its element's; "Any" for a union."""
        return "Any" if self.is_union else self.parts[0].name if self.parts else self.name

    def json(self) -> dict[str, Any]:
        """Its JSON Schema. Each variant of a nullable union says so itself."""
        if self.name == "list":
            schema: dict[str, Any] = {"type": "array", "items": self.parts[0].json()}
        elif self.is_union:
            schema = {"anyOf": [replace(part, nullable=part.nullable or self.nullable).json() for part in self.parts]}
        else:
            schema = dict(PRIMITIVES[self.name])
        return {**schema, "nullable": True} if self.nullable else schema


_OBJECT = InputType("Any")
_NESTED = "nested generics like List[Optional[X]] are not supported"


class InputTypes:
    """Resolves annotations of one file, whose TypedDicts are named."""

    def __init__(self, imports: Imports, typed_dicts: set[str]) -> None:
        self.imports = imports
        self.typed_dicts = typed_dicts

    def resolve(self, found: Annotation) -> InputType:
        """The input type of an annotation. Raises SchemaError."""
        if (inner := opaque(found, self.imports)) is not None:
            is_list, nullable = input_shape(inner, self.imports)
            return replace(InputType("list", (_OBJECT,)) if is_list else _OBJECT, nullable=nullable)
        if found.is_union:
            return self._union(found.args)
        return self._generic(found) if found.args else self._simple(found.name)

    def _simple(self, name: str) -> InputType:
        module = ""
        names = {name}
        if qualified := self.imports.qualified(name):
            name, entry = qualified
            module = entry.module
            names |= {name, f"{entry.original}.{name}"}
        if names & self.typed_dicts or name in {"dict", "Dict"}:
            return _OBJECT
        if name in PRIMITIVES:
            return InputType(name)
        if module:
            raise SchemaError(unresolvable_import(name, module))
        if entry_of_name := self.imports.names.get(name):
            raise SchemaError(unresolvable_import(name, entry_of_name.module))
        raise _unsupported(name)

    def _generic(self, found: Annotation) -> InputType:
        qualified = self.imports.qualified(found.name)
        outer = qualified[0] if qualified else found.name
        if outer in {"dict", "Dict"}:
            return _OBJECT
        if outer == "Optional":
            return replace(self.resolve(_only_argument(found, "Optional")), nullable=True)
        if outer == "Union":
            return self._union(found.args)
        if self.imports.is_annotated(found.name):
            return self.resolve(found.args[0])
        if outer in {"List", "list"}:
            element = self.resolve(_only_argument(found, "List"))
            if element.nullable or element.parts:
                raise _unsupported(_NESTED)
            return InputType("list", (element,))
        raise _unsupported(f"{outer}[...] is not a supported input type")

    def _union(self, args: tuple[Annotation, ...]) -> InputType:
        nullable = any(arg.is_none for arg in args)
        variants = tuple(self._variant(arg) for arg in args if not arg.is_none)
        if not variants:
            raise _unsupported("union inputs must include at least one non-None type")
        if len(variants) == 1:
            return replace(variants[0], nullable=variants[0].nullable or nullable)
        for variant in variants:
            _check_variant(variant)
        return InputType("union", variants, nullable)

    def _variant(self, arg: Annotation) -> InputType:
        variant = None if arg.is_union or (arg.args and arg.name == "Union") else self.resolve(arg)
        if variant is None or variant.is_union:
            raise _unsupported("nested union inputs are not supported")
        return variant


def _check_variant(variant: InputType) -> None:
    if variant.nullable:
        raise _unsupported("nested nullable variants are not supported in union inputs")
    if variant.scalar in {"Path", "File", "Secret"}:
        raise _unsupported(f"{variant.scalar} is not supported in union inputs")


def _only_argument(found: Annotation, name: str) -> Annotation:
    if len(found.args) != 1:
        raise _unsupported(f"{name} expects exactly 1 type argument, got {len(found.args)}")
    return found.args[0]


def _unsupported(what: str) -> SchemaError:
    return SchemaError(f"unsupported type: {what}")
