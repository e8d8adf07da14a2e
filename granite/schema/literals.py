"""Literals as Cog reads them: by their text.

A string is what stands between its first and its last quote, so escapes stay as typed and `'a' 'b'` keeps the quotes
in the middle. A number is what Go's strconv makes of the text. A list counts only if all of it does; a tuple and a
dict lose the parts that do not. Source: parseDefaultValue and its neighbours, pkg/schema/python/literals.go.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from granite.schema.numbers import go_float, go_int, go_text
from granite.schema.source import Source


@dataclass(frozen=True)
class Literal:
    """A value that Cog could read. kind is "atom", "list", "set" or "dict".

    value is None, a bool, an int, a float or a str; or the Literals of a list or set; or a dict's pairs of Literals.
    """

    kind: str
    value: Any

    def json(self) -> Any:
        """The value as it stands in the schema: sets are lists, and every key is text."""
        if self.kind == "dict":
            return {_key(key): value.json() for key, value in self.value}
        if self.kind in {"list", "set"}:
            return [item.json() for item in self.value]
        return self.value

    def python(self) -> Any:
        """The value as Python would have it, to compare with what was meant; lists, tuples and sets are lists."""
        if self.kind == "dict":
            return [[key.python(), value.python()] for key, value in self.value]
        if self.kind in {"list", "set"}:
            return [item.python() for item in self.value]
        return self.value


NONE = Literal("atom", None)


def literal(node: ast.expr, source: Source) -> Literal | None:
    """The literal that the node is to Cog, or None if it is not one."""
    if source.parenthesised(node):
        return None
    match node:
        case ast.Constant(value=None | bool()):
            return Literal("atom", node.value)
        case ast.Constant(value=int() | float()) | ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert()):
            return _number(source.text(node), whole=isinstance(node, ast.Constant) and isinstance(node.value, int))
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
            text = string(node, source)
            return None if text is None else Literal("atom", text)
        case ast.List() | ast.Set():
            items = every_literal(node, source)
            return None if items is None else Literal("list" if isinstance(node, ast.List) else "set", items)
        case ast.Tuple() if source.in_brackets(node):
            readable = (literal(item, source) for item in node.elts)
            return Literal("list", tuple(item for item in readable if item is not None))
        case ast.Dict():
            pairs = ((literal(key, source), literal(value, source)) for key, value in _pairs(node))
            return Literal("dict", tuple((key, value) for key, value in pairs if key is not None and value is not None))
    return None


def every_literal(node: ast.List | ast.Set, source: Source) -> tuple[Literal, ...] | None:
    """The items of a list or set; None if one is not a literal, or if a comment stands between them."""
    if source.commented(node, node.elts):
        return None
    items = tuple(literal(item, source) for item in node.elts)
    readable = tuple(item for item in items if item is not None)
    return readable if len(readable) == len(items) else None


def string(node: ast.expr, source: Source) -> str | None:
    """The text between the first and the last quote of anything that begins with a quote or r and a quote."""
    text = source.text(node)
    for opening, least in (('"""', 6), ("'''", 6), ('"', 2), ("'", 2), ('r"', 3), ("r'", 3)):
        if text.startswith(opening):
            closing = len(opening.removeprefix("r"))
            return text[len(opening) : -closing] if len(text) >= least else None
    return None


def number(node: ast.expr, source: Source) -> float | None:
    """The number that Go's ParseFloat reads in the node's text: a bare decimal literal, signed at most."""
    return go_float(source.text(node).strip())


def truth(node: ast.expr, source: Source) -> bool | None:
    """True or False, if it is just that."""
    return {"True": True, "False": False}.get(source.text(node))


def faithful(node: ast.expr, value: Any) -> bool:
    """Whether the value that Cog read is the one that Python would read there."""
    try:
        return bool(_plain(ast.literal_eval(node)) == value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _number(text: str, *, whole: bool) -> Literal | None:
    value: float | None = go_int(text)
    if value is None and not whole:
        value = go_float(text)
    return None if value is None else Literal("atom", value)


def _pairs(node: ast.Dict) -> list[tuple[ast.expr, ast.expr]]:
    return [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]


def _key(key: Literal) -> str:
    return key.value if isinstance(key.value, str) else go_text(key.json())
