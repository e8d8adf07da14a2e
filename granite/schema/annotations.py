"""Type annotations, from the tree and from text.

Cog reads most annotations from the tree, but a generic such as `list[int]`, and everything in quotes, from text: that
is why the two ways stand side by side here, and why some refusals quote a whole generic. Source: parseTypeAnnotation
and parseTypeFromString, pkg/schema/python/annotations.go.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from granite.schema.error import SchemaError
from granite.schema.source import Source

_NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")
_GRAMMAR = {
    ast.Call: "call",
    ast.List: "list",
    ast.Tuple: "tuple",
    ast.Dict: "dictionary",
    ast.Set: "set",
    ast.ListComp: "list_comprehension",
    ast.SetComp: "set_comprehension",
    ast.DictComp: "dictionary_comprehension",
    ast.Compare: "comparison_operator",
    ast.BoolOp: "boolean_operator",
    ast.IfExp: "conditional_expression",
    ast.Lambda: "lambda",
    ast.Starred: "list_splat",
    ast.Await: "await",
    ast.NamedExpr: "named_expression",
    ast.Slice: "slice",
}


@dataclass(frozen=True)
class Annotation:
    """`name`, `name[args]`, or the union of args: `X | Y`, while Union[X, Y] is a generic."""

    name: str
    args: tuple[Annotation, ...] = ()
    is_union: bool = False

    @property
    def is_simple(self) -> bool:
        """A name alone."""
        return not self.args

    @property
    def is_none(self) -> bool:
        """The name None."""
        return self == Annotation("None")


def union(members: tuple[Annotation, ...]) -> Annotation:
    """`X | Y | …`."""
    return Annotation("", members, is_union=True)


def annotation(node: ast.expr, source: Source) -> Annotation:
    """The annotation that the node is. Raises SchemaError for what is no type to Cog."""
    return _read(node, source, outermost=True)


def from_text(text: str) -> Annotation | None:
    """The annotation in the text, None if it is not one."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return from_text(text[1:-1])
    parts = _split(text, "|")
    if len(parts) > 1:
        members = _all_from_text(parts)
        return union(members) if members else None
    outer, bracket, inner = text.partition("[")
    if bracket and text.endswith("]"):
        args = _all_from_text(_split(inner[:-1], ","))
        return Annotation(outer.strip(), args) if args else None
    return Annotation(text) if _NAME.fullmatch(text) else None


def optional(found: Annotation) -> Annotation | None:
    """X of Optional[X], Union[X, None] and X | None; None for anything else."""
    if found.name == "Optional" and len(found.args) == 1:
        return found.args[0]
    if (found.is_union or found.name == "Union") and len(found.args) == 2:
        return besides_none(found.args)
    return None


def besides_none(pair: tuple[Annotation, ...]) -> Annotation | None:
    """The other of two annotations, if one is None."""
    for index, member in enumerate(pair):
        if member.is_none:
            return pair[1 - index]
    return None


def _read(node: ast.expr, source: Source, *, outermost: bool) -> Annotation:
    text = source.text(node)
    if source.parenthesised(node):
        return _read_text("parenthesized_expression", text)
    if outermost and _begins_with_generic(node, source):
        return _read_text("generic_type" if isinstance(node, ast.Subscript) else "union_type", text)
    match node:
        case ast.Name() | ast.Attribute():
            return Annotation(text)
        case ast.Subscript():
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) and not source.in_brackets(node.slice) else ()
            inside = tuple(parts) or (node.slice,)
            return Annotation(source.text(node.value), tuple(_read(part, source, outermost=False) for part in inside))
        case ast.BinOp(op=ast.BitOr()):
            sides = (_read(node.left, source, outermost=False), _read(node.right, source, outermost=False))
            return union(tuple(member for side in sides for member in (side.args if side.is_union else (side,))))
        case ast.BinOp():
            raise SchemaError("unsupported type: non-union binary operator in type annotation")
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
            if found := from_text(text.strip("\"'")):
                return found
            raise SchemaError(f"unsupported type: string annotation: {text}")
    return _read_text(_grammar(node, outermost=outermost), text)


def _read_text(kind: str, text: str) -> Annotation:
    if found := from_text(text):
        return found
    raise SchemaError(f"unsupported type: {kind}: {text}")


def _begins_with_generic(node: ast.expr, source: Source) -> bool:
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and not source.parenthesised(node):
        node = node.left
    if source.parenthesised(node) or not isinstance(node, ast.Subscript):
        return False
    return isinstance(node.value, ast.Name) and not source.parenthesised(node.value)


def _grammar(node: ast.expr, *, outermost: bool) -> str:
    match node:
        case ast.Constant(value=bool()):
            return str(node.value).lower()
        case ast.Constant(value=None):
            return "none"
        case ast.Constant(value=int() | complex()):
            return "integer"
        case ast.Constant(value=float()):
            return "float"
        case ast.Constant():
            return "ellipsis"
        case ast.UnaryOp():
            return "not_operator" if isinstance(node.op, ast.Not) else "unary_operator"
        case ast.Starred() if outermost:
            return "splat_type"
    return _GRAMMAR.get(type(node), type(node).__name__.lower())


def _all_from_text(parts: list[str]) -> tuple[Annotation, ...]:
    found = tuple(from_text(part) for part in parts)
    members = tuple(member for member in found if member is not None)
    return members if len(members) == len(found) else ()


def _split(text: str, separator: str) -> list[str]:
    parts = [""]
    depth = 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
