"""What choices= may be: a list, a constant, list(CONSTANT.keys()) or .values(), and sums of these.

Source: resolveChoicesExpr, pkg/schema/python/module_scope.go.
"""

from __future__ import annotations

import ast

from granite.schema.literals import Literal, every_literal, faithful, literal
from granite.schema.scope import Scope


def choices(node: ast.expr, scope: Scope) -> tuple[Literal, ...] | None:
    """The choices in their order, None if Cog cannot read them."""
    if scope.source.parenthesised(node):
        return None
    match node:
        case ast.List():
            return every_literal(node, scope.source)
        case ast.Name():
            constant = scope.named(node)
            return constant.literal.value if constant and constant.literal.kind == "list" else None
        case ast.Call():
            return _of_dict(node, scope)
        case ast.BinOp(op=ast.Add()):
            left, right = choices(node.left, scope), choices(node.right, scope)
            return None if left is None or right is None else left + right
    return None


def as_written(node: ast.expr, scope: Scope) -> bool:
    """Whether Cog read every list and constant in a choices= expression as Python would."""
    return all(_part_as_written(part, scope) for part in ast.walk(node) if isinstance(part, (ast.Name, ast.List)))


def _part_as_written(part: ast.Name | ast.List, scope: Scope) -> bool:
    constant = scope.named(part)
    read = constant.literal if constant else literal(part, scope.source)
    origin = constant.node if constant else part
    return read is None or (faithful(origin, read.python()) and not scope.outdated(part))


def _of_dict(node: ast.Call, scope: Scope) -> tuple[Literal, ...] | None:
    match node:
        case ast.Call(
            func=ast.Name(id="list"),
            args=[ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="keys" | "values" as part)) as inner, *_],
        ):
            constant = scope.constants.get(name.id)
            plain = not scope.source.parenthesised(inner) and not scope.source.commented(node, [node.func, inner])
            if constant is None or constant.literal.kind != "dict" or not plain:
                return None
            return tuple(pair[part == "values"] for pair in constant.literal.value)
    return None
