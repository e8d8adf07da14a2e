"""A file's constants: the plain literals that stand at its top level.

The last literal that Cog can read wins, wherever it stands; `X += 1`, `X = Y = 1` and an assignment inside an `if` are
passed over. Source: pkg/schema/python/module_scope.go.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from granite.schema.literals import Literal, literal
from granite.schema.source import Source


@dataclass(frozen=True)
class Constant:
    """A name's literal, and the node it was read from."""

    literal: Literal
    node: ast.expr


class Scope:
    """The constants of one file by name."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.constants: dict[str, Constant] = {}
        for statement in source.tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._keep(name, value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value, simple=1):
                    self._keep(name, value)

    def _keep(self, name: str, value: ast.expr) -> None:
        found = literal(value, self.source)
        if found is not None:
            self.constants[name] = Constant(found, value)

    def named(self, node: ast.expr) -> Constant | None:
        """The constant that a bare name stands for."""
        if isinstance(node, ast.Name) and not self.source.parenthesised(node):
            return self.constants.get(node.id)
        return None

    def value(self, node: ast.expr) -> Literal | None:
        """The literal that the node is or names."""
        found = literal(node, self.source)
        if found is None and (constant := self.named(node)):
            return constant.literal
        return found

    def outdated(self, node: ast.expr) -> bool:
        """Whether Python would find another value under the name than the one that Cog took."""
        constant = self.named(node)
        if constant is None or not isinstance(node, ast.Name):
            return False
        bound = [line for line in _bindings(self.source.tree, node.id) if line <= node.lineno]
        return bool(bound) and max(bound) != constant.node.lineno and max(bound) not in _lines(constant.node)


def _lines(node: ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _bindings(tree: ast.AST, name: str) -> Iterator[int]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Name) and child.id == name and isinstance(child.ctx, ast.Store):
            yield child.lineno
        yield from _bindings(child, name)
