"""@cog.streaming and @cog.concurrent, under whatever names they were imported.

Only decorators of the method itself count, not those of its class. Source: functionSupportsStreaming and
functionConcurrencyMax, pkg/schema/python/annotations.go.
"""

from __future__ import annotations

import ast

from granite.schema.dropped import Dropped, quoted
from granite.schema.error import SchemaError
from granite.schema.imports import Imports
from granite.schema.literals import literal
from granite.schema.module import Function
from granite.schema.source import Source

_NAMES = ("streaming", "concurrent")


class Decorators:
    """The decorators of one function or class."""

    def __init__(self, decorated: Function | ast.ClassDef, source: Source, imports: Imports) -> None:
        self.nodes = decorated.decorator_list
        self.source = source
        self.imports = imports

    @property
    def streaming(self) -> bool:
        """Whether one is cog's streaming, with or without a call."""
        return any(self._is_cog(node, "streaming") for node in self.nodes)

    def concurrent_max(self) -> int | None:
        """What the first of cog's concurrent sets, 1 without arguments; None without such a decorator.

        Raises SchemaError for anything but one max= with a whole number of at least 1.
        """
        for node in self.nodes:
            if self._is_cog(node, "concurrent"):
                return self._max(node) if isinstance(node, ast.Call) else 1
        return None

    def unheard(self) -> list[Dropped]:
        """Those that look like cog's, and are not to Cog's parser."""
        return [
            self._dropped(node, "is not cog's to Cog's parser and has no effect.")
            for node in self.nodes
            if _last_name(node) in _NAMES and not self._is_cog(node, _last_name(node))
        ]

    def misplaced(self) -> list[Dropped]:
        """Those of a class, which Cog looks for on the method alone."""
        return [
            self._dropped(node, "on the class has no effect: it belongs on the method.")
            for node in self.nodes
            if _last_name(node) in _NAMES
        ]

    def _dropped(self, node: ast.expr, what: str) -> Dropped:
        return Dropped(node.lineno, f"@{quoted(self.source.text(node))} {what}", self.source.path)

    def _is_cog(self, node: ast.expr, name: str) -> bool:
        called = node.func if isinstance(node, ast.Call) and not self.source.parenthesised(node) else node
        if self.source.parenthesised(called):
            return False
        text = self.source.text(called)
        if isinstance(called, ast.Name):
            return self.imports.is_from(text, "cog", name)
        module, _, attribute = text.partition(".")
        return isinstance(called, ast.Attribute) and attribute == name and self.imports.is_from(module, "cog", "cog")

    def _max(self, call: ast.Call) -> int:
        words = [(word.arg, word.value) for word in call.keywords]
        if not words and not call.args:
            return 1
        if call.args or len(words) != 1 or words[0][0] != "max" or self.source.commented(call, [words[0][1]]):
            raise SchemaError("@concurrent only supports literal integer max=... arguments")
        found = literal(words[0][1], self.source)
        if found is None or type(found.value) is not int:
            raise SchemaError("@concurrent max must be an integer literal")
        if found.value < 1:
            raise SchemaError("@concurrent max must be at least 1")
        return int(found.value)


def _last_name(node: ast.expr) -> str:
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
