"""The names a file imports, as Cog keeps them: only statements at the top level count, and stars bring nothing.

`import a.b` is filed under "a.b", not under "a"; so `a.b.C` looks up "a", finds nothing, and counts as unknown.
Source: CollectImports, pkg/schema/python/imports.go; ImportContext, pkg/schema/types.go.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

_TYPING = {"typing", "typing_extensions"}
_BUILTINS = ("str", "int", "float", "bool", "list", "dict", "set", "None")


@dataclass(frozen=True)
class Import:
    """Where a name comes from: `from module import original`; a module's own import has both the same."""

    module: str
    original: str

    @property
    def from_typing(self) -> bool:
        """Whether it comes from typing or typing_extensions."""
        return self.module in _TYPING


_UNKNOWN = Import("", "")


class Imports:
    """The imported names of one file, in the order of their first import."""

    def __init__(self, tree: ast.Module) -> None:
        self.names: dict[str, Import] = {}
        for statement in tree.body:
            if isinstance(statement, ast.Import):
                for alias in statement.names:
                    self.names[alias.asname or alias.name] = Import(alias.name, alias.name)
            elif isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
                module = "." * statement.level + (statement.module or "")
                for alias in statement.names:
                    if alias.name != "*":
                        self.names[alias.asname or alias.name] = Import(module, alias.name)
        for name in _BUILTINS:
            self.names.setdefault(name, Import("builtins", name))

    def is_from(self, name: str, module: str, original: str) -> bool:
        """Whether the local name is that name of that module."""
        return self.names.get(name) == Import(module, original)

    def is_typing(self, name: str, original: str) -> bool:
        """Whether the local name is that name of typing or typing_extensions."""
        entry = self.names.get(name)
        return entry is not None and entry.from_typing and entry.original == original

    def qualified(self, name: str) -> tuple[str, Import] | None:
        """`alias.Rest` as Rest and what alias is (both of its fields "" if unknown); None for a name without a dot."""
        prefix, dot, rest = name.partition(".")
        return (rest, self.names.get(prefix, _UNKNOWN)) if dot else None

    def is_base_model(self, name: str) -> bool:
        """cog's or pydantic's BaseModel."""
        return any(self.is_from(name, module, "BaseModel") for module in ("cog", "pydantic", "pydantic.v1"))

    def is_opaque(self, name: str) -> bool:
        """cog's Opaque, also as `cog.Opaque`."""
        if qualified := self.qualified(name):
            return qualified[0] == "Opaque" and qualified[1].module == "cog"
        return self.is_from(name, "cog", "Opaque")

    def is_annotated(self, name: str) -> bool:
        """typing's Annotated, also as `typing.Annotated`."""
        if qualified := self.qualified(name):
            rest, entry = qualified
            return rest == "Annotated" and entry.from_typing and entry.original == entry.module
        return self.is_typing(name, "Annotated")

    def container(self, name: str) -> str | None:
        """List, Optional, Union or list, if the name is typing's or the built-in; None for any other's."""
        if qualified := self.qualified(name):
            rest, entry = qualified
            whole_module = entry.from_typing and entry.original == entry.module
            return rest if whole_module and rest in {"List", "Optional", "Union"} else None
        entry = self.names.get(name, Import("builtins", name))
        if entry == Import("builtins", "list"):
            return "list"
        return entry.original if entry.from_typing and entry.original in {"List", "Optional", "Union"} else None
