"""The method that Cog runs: run() of the class before predict(), its own before an inherited one.

A base class may stand in the same file or in another of the project. A plain function of the name asked for will do,
and one called predict will do for any name. Source: pkg/schema/python/target.go.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from granite.schema.decorators import Decorators
from granite.schema.dropped import Dropped
from granite.schema.error import SchemaError
from granite.schema.module import Function, Module, functions
from granite.schema.neighbours import Neighbours, file_of, read


@dataclass(frozen=True)
class Method:
    """A function and the file it stands in."""

    function: Function
    module: Module


class Predictor:
    """Finds the method of one target. folder is the project's, None to look at no other file."""

    def __init__(self, module: Module, folder: Path | None) -> None:
        self.module = module
        self.folder = folder
        self._read: dict[str, Module] = {}

    def method(self, target: str) -> Method:
        """The method of the class, or the function, of that name. Raises SchemaError."""
        if node := self.module.find_class(target):
            found = self._methods(self.module, node, set())
            if method := found.get("run") or found.get("predict"):
                return method
            raise SchemaError(f"{target} must define run() or predict()")
        if function := self.module.find_function(target) or self.module.find_function("predict"):
            return Method(function, self.module)
        raise SchemaError(f"there is no class or function {target}")

    def misplaced(self, target: str) -> list[Dropped]:
        """Decorators of the class that belong on the method."""
        node = self.module.find_class(target)
        return Decorators(node, self.module.source, self.module.imports).misplaced() if node else []

    def _methods(self, module: Module, node: ast.ClassDef, seen: set[tuple[int, str]]) -> dict[str, Method]:
        key = (id(module), node.name)
        if key in seen:
            return {}
        seen.add(key)
        found = {
            function.name: Method(function, module)
            for function in functions(node)
            if function.name in {"run", "predict"}
        }
        for base in node.bases:
            if parent := self._parent(module, base):
                found = {**self._methods(*parent, seen), **found}
        return found

    def _parent(self, module: Module, base: ast.expr) -> tuple[Module, ast.ClassDef] | None:
        if not isinstance(base, (ast.Name, ast.Attribute)) or module.source.parenthesised(base):
            return None
        name = module.source.text(base)
        if node := module.find_class(name):
            return module, node
        prefix, dot, rest = name.partition(".")
        entry = module.imports.names.get(prefix)
        if entry is None:
            return None
        nested = f".{entry.original}" if entry.module == "." else f"{entry.module}.{entry.original}"
        found = self._load(entry.module, module) or self._load(nested, module)
        if found is None:
            return None
        parent = found.find_class(rest if dot else entry.original)
        return (found, parent) if parent else None

    def _load(self, module: str, importer: Module) -> Module | None:
        path = file_of(module, importer.source.path)
        if path is None or self.folder is None:
            return None
        if path not in self._read:
            source = read(self.folder, path)
            if source is None:
                return None
            self._read[path] = Module(source, Neighbours(self.folder))
        return self._read[path]
