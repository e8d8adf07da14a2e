"""The types a predictor may return: scalars, objects, lists, dicts, models, and iterators of these.

Optionals and unions are refused, except inside a model. Source: ResolveSchemaType, pkg/schema/schema_type.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from granite.schema.annotations import Annotation, optional, union
from granite.schema.dropped import Dropped
from granite.schema.error import SchemaError
from granite.schema.imports import Imports
from granite.schema.models import Field, Model
from granite.schema.opaque import is_list, opaque, typing_optional
from granite.schema.primitives import PRIMITIVES, unresolvable_import
from granite.schema.title import title


@dataclass(frozen=True)
class OutputType:
    """A scalar by its name ("Any" for objects), or "list", "dict", "iterator" or "concatenate" of part, or "object"."""

    name: str
    part: OutputType | None = None
    fields: tuple[tuple[str, OutputType, bool], ...] = ()
    nullable: bool = False

    @property
    def is_iterator(self) -> bool:
        """Whether it can be streamed."""
        return self.name in {"iterator", "concatenate"}

    def json(self) -> dict[str, Any]:
        """Its JSON Schema; Ordered where Cog keeps the order of the fields."""
        schema = self._core()
        return {**schema, "nullable": True} if self.nullable else schema

    def _core(self) -> dict[str, Any]:
        if self.name == "object":
            return self._object()
        if self.part is None:
            return dict(PRIMITIVES[self.name])
        if self.name == "dict":
            return {"type": "object", "additionalProperties": self.part.json()}
        schema: dict[str, Any] = {"type": "array", "items": self.part.json()}
        if self.is_iterator:
            schema["x-cog-array-type"] = "iterator"
        if self.name == "concatenate":
            schema["x-cog-array-display"] = "concatenate"
        return schema

    def _object(self) -> dict[str, Any]:
        properties = Ordered((name, {**kind.json(), "title": title(name)}) for name, kind, _ in self.fields)
        required = [name for name, _, needed in self.fields if needed]
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        return {**schema, "required": required} if required else schema


class Ordered(dict[str, Any]):
    """An object whose keys Cog writes in their own order; those of all others it sorts."""


_ANY = OutputType("Any")
_NO_OPTIONAL = "unsupported output type: Optional is not allowed as a return type"


class OutputTypes:
    """Resolves annotations with the names of one file. dropped gathers what the models met on the way lose."""

    def __init__(self, imports: Imports, models: dict[str, Model]) -> None:
        self.imports = imports
        self.models = models
        self.dropped: list[Dropped] = []
        self._resolving: list[str] = []

    def resolve(self, found: Annotation) -> OutputType:
        """The output type of an annotation. Raises SchemaError."""
        if (inner := opaque(found, self.imports)) is not None:
            if typing_optional(inner, self.imports) is not None:
                raise SchemaError(_NO_OPTIONAL)
            return self._opaque(inner)
        if found.args and self.imports.is_annotated(found.name):
            return self.resolve(found.args[0])
        if found.is_union:
            return self._refuse_union(found)
        return self._generic(found) if found.args else self._simple(found.name)

    def _opaque(self, inner: Annotation) -> OutputType:
        return OutputType("list", _ANY) if is_list(inner, self.imports) and len(inner.args) <= 1 else _ANY

    def _simple(self, full_name: str) -> OutputType:
        if full_name in self.models:
            return self._model(full_name)
        name, module = full_name, ""
        if qualified := self.imports.qualified(full_name):
            name, entry = qualified
            module = entry.module
            if f"{entry.original}.{name}" in self.models:
                return self._model(f"{entry.original}.{name}")
        if name in {"dict", "Dict"}:
            return _ANY
        if is_list(Annotation(full_name), self.imports):
            return OutputType("list", _ANY)
        if name in PRIMITIVES:
            return OutputType(name)
        if module:
            raise SchemaError(unresolvable_import(name, module))
        if imported := self.imports.names.get(name):
            raise SchemaError(unresolvable_import(name, imported.module))
        raise SchemaError(
            f"cannot resolve type '{name}' - it is not a primitive type (str, int, float, bool, Path) "
            "and no BaseModel definition was found in the predict file"
        )

    def _generic(self, found: Annotation) -> OutputType:
        qualified = self.imports.qualified(found.name)
        outer = qualified[0] if qualified else found.name
        if outer in {"dict", "Dict"}:
            return self._dict(found)
        if outer == "Optional":
            _expect(found, "Optional")
            raise SchemaError(_NO_OPTIONAL)
        if outer == "Union":
            return self._refuse_union(union(found.args))
        if is_list(found, self.imports):
            _expect(found, "list")
            return OutputType("list", self.resolve(found.args[0]))
        if outer in {"Iterator", "AsyncIterator"}:
            _expect(found, "Iterator")
            return OutputType("iterator", self.resolve(found.args[0]))
        if outer in {"ConcatenateIterator", "AsyncConcatenateIterator"}:
            _expect(found, "ConcatenateIterator")
            return _concatenate(found.args[0])
        raise _unsupported(f"{outer}[...] is not a supported output type")

    def _dict(self, found: Annotation) -> OutputType:
        if len(found.args) != 2:
            raise _unsupported("dict expects 0 or 2 type arguments")
        try:
            return OutputType("dict", self.resolve(found.args[1]))
        except SchemaError as error:
            raise SchemaError(f"resolving dict value type: {error}") from None

    def _refuse_union(self, found: Annotation) -> OutputType:
        if optional(found) is not None:
            raise SchemaError(_NO_OPTIONAL)
        raise _unsupported("union types are not supported as output")

    def _model(self, name: str) -> OutputType:
        if name in self._resolving:
            return _ANY
        self._resolving.append(name)
        model = self.models[name]
        self.dropped.extend(model.dropped)
        fields = {field.name: self._field(field) for field in model.fields}
        self._resolving.pop()
        return OutputType("object", fields=tuple((field, *found) for field, found in fields.items()))

    def _field(self, field: Field) -> tuple[OutputType, bool]:
        self.dropped.extend(field.dropped)
        try:
            found = self._field_type(field.type)
        except SchemaError as error:
            raise SchemaError(f'field "{field.name}": {error}') from None
        required = not found.nullable if field.key_required is None else field.key_required
        return found, required and not field.has_default

    def _field_type(self, found: Annotation) -> OutputType:
        inner = opaque(found, self.imports)
        if inner is None and found.args and self.imports.is_annotated(found.name):
            return self._field_type(found.args[0])
        inside = typing_optional(inner or found, self.imports) or optional(inner or found)
        if inner is not None:
            return replace(self._opaque(inside or inner), nullable=inside is not None)
        return self.resolve(found) if inside is None else replace(self.resolve(inside), nullable=True)


def _concatenate(element: Annotation) -> OutputType:
    if not element.is_simple:
        raise _unsupported("ConcatenateIterator element type must be a simple type")
    if element.name != "str":
        raise SchemaError(f"ConcatenateIterator element type must be str, got {element.name}")
    return OutputType("concatenate", OutputType("str"))


def _expect(found: Annotation, name: str) -> None:
    if len(found.args) != 1:
        raise _unsupported(f"{name} expects exactly 1 type argument")


def _unsupported(what: str) -> SchemaError:
    return SchemaError(f"unsupported type: {what}")
