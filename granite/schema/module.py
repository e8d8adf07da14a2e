"""One file of the project with everything Cog gathers from it before it looks at the predictor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from granite.schema.imports import Imports
from granite.schema.neighbours import Neighbours
from granite.schema.scope import Scope
from granite.schema.shared import SharedInputs
from granite.schema.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A file's imports, constants, shared inputs, and the models it can name."""

    def __init__(self, source: Source, neighbours: Neighbours) -> None:
        self.source = source
        self.imports = Imports(source.tree)
        self.scope = Scope(source)
        self.space = neighbours.namespace(source, self.imports)
        self.shared = SharedInputs(self.scope, self.imports)

    def find_class(self, name: str) -> ast.ClassDef | None:
        """The first class of that name at the top level."""
        classes = (node for node in self.source.tree.body if isinstance(node, ast.ClassDef))
        return next((node for node in classes if node.name == name), None)

    def find_function(self, name: str) -> Function | None:
        """The first function of that name at the top level."""
        return next((function for function in functions(self.source.tree) if function.name == name), None)


def functions(node: ast.Module | ast.ClassDef) -> Iterator[Function]:
    """The functions that stand directly in a module or class."""
    for statement in node.body:
        if isinstance(statement, Function):
            yield statement
