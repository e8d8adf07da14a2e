"""BaseModel and TypedDict classes, as far as Cog reads them.

Only classes at the top level count. A BaseModel is one that names BaseModel among its own bases: a model's subclass is
no model. A TypedDict inherits its parents' keys. Source: pkg/schema/python/models.go.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from granite.schema.annotations import Annotation, annotation
from granite.schema.dropped import Dropped, quoted
from granite.schema.error import SchemaError
from granite.schema.imports import Imports
from granite.schema.literals import literal
from granite.schema.source import Source


@dataclass(frozen=True)
class Field:
    """One field. key_required is what a TypedDict says of its key, None for a BaseModel."""

    name: str
    type: Annotation
    has_default: bool
    key_required: bool | None
    dropped: tuple[Dropped, ...] = ()


@dataclass(frozen=True)
class Model:
    """A class's fields in their order, and what of it is lost."""

    fields: tuple[Field, ...]
    dropped: tuple[Dropped, ...] = ()


def collect(
    source: Source, imports: Imports, typed_dicts: set[str], known: Mapping[str, Model] | None = None
) -> dict[str, Model]:
    """The file's models by name. Adds to typed_dicts; known holds imported models that a TypedDict may inherit from."""
    models: dict[str, Model] = {}
    for node in source.tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        parents = _typed_dict_parents(node, source, imports, typed_dicts)
        if parents is not None:
            total = not any(word.arg == "total" and source.text(word.value) == "False" for word in node.keywords)
            own = _own_fields(node, source, imports, total)
            inherited = [found for name in parents if (found := models.get(name) or (known or {}).get(name))]
            models[node.name] = _merge([*inherited, own])
            typed_dicts.add(node.name)
        elif any(_is_base_model(base, source, imports) for base in node.bases):
            models[node.name] = _own_fields(node, source, imports, None)
    return models


def _is_base_model(base: ast.expr, source: Source, imports: Imports) -> bool:
    name = _name(base, source)
    return name == "BaseModel" or name.endswith(".BaseModel") or imports.is_base_model(name)


def _typed_dict_parents(
    node: ast.ClassDef, source: Source, imports: Imports, typed_dicts: set[str]
) -> list[str] | None:
    names = [_name(base, source) for base in node.bases]
    plain = [
        name
        for name in names
        if name == "TypedDict" or name.endswith(".TypedDict") or imports.is_typing(name, "TypedDict")
    ]
    parents = [name for name in names if name in typed_dicts and name not in plain]
    return parents if plain or parents else None


def _name(base: ast.expr, source: Source) -> str:
    named = isinstance(base, (ast.Name, ast.Attribute)) and not source.parenthesised(base)
    return source.text(base) if named else ""


def _merge(models: Iterable[Model]) -> Model:
    fields: dict[str, Field] = {}
    dropped: list[Dropped] = []
    for model in models:
        fields.update((field.name, field) for field in model.fields)
        dropped.extend(model.dropped)
    return Model(tuple(fields.values()), tuple(dropped))


def _own_fields(node: ast.ClassDef, source: Source, imports: Imports, total: bool | None) -> Model:
    fields = []
    dropped = []
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), simple=1):
                try:
                    field = _field(name, statement, source)
                except SchemaError:
                    what = f"{node.name}.{name}: Cog cannot read the type {quoted(source.text(statement.annotation))}"
                    dropped.append(Dropped(statement.lineno, f"{what} and leaves the field out.", source.path))
                    continue
                fields.append(field if total is None else _with_key(field, imports, total))
    return Model(tuple(fields), tuple(dropped))


def _field(name: str, statement: ast.AnnAssign, source: Source) -> Field:
    found = annotation(statement.annotation, source)
    if statement.value is None:
        return Field(name, found, has_default=False, key_required=None)
    if literal(statement.value, source) is not None:
        return Field(name, found, has_default=True, key_required=None)
    what = f"{name}: {quoted(source.text(statement.value))} is not a literal, so Cog takes the output field as one"
    lost = Dropped(statement.lineno, f"{what} without a default.", source.path)
    return Field(name, found, has_default=False, key_required=None, dropped=(lost,))


def _with_key(field: Field, imports: Imports, total: bool) -> Field:
    if len(field.type.args) == 1 and not field.type.is_union:
        name = field.type.name
        for qualifier, required in (("NotRequired", False), ("Required", True)):
            if name == qualifier or name.endswith(f".{qualifier}") or imports.is_typing(name, qualifier):
                return replace(field, type=field.type.args[0], key_required=required)
    return replace(field, key_required=total)
