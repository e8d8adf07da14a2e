"""A Python file as text and as a tree at once.

Cog parses with tree-sitter, whose tree keeps parentheses and comments; Python's own tree drops both. Cog's answers
depend on them: `default=(3)` is not a literal to it, and a comment inside a list literal spoils the list. So the tokens
stand beside the tree here, and every node can tell its text, its parentheses and its comments.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
import warnings
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from granite.schema.error import SchemaError

_LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class _Token:
    text: str
    type: int
    start: int
    end: int


class Source:
    """One Python file. path is relative to the project's folder, "" if unknown.

    Raises SchemaError for what is not UTF-8 or not Python.
    """

    def __init__(self, data: bytes, path: str = "") -> None:
        self.path = path
        try:
            text = data.removeprefix(b"\xef\xbb\xbf").decode()
            with warnings.catch_warnings(action="ignore"):
                self.tree = ast.parse(text)
        except UnicodeDecodeError:
            raise SchemaError("the file is not UTF-8 text") from None
        except SyntaxError as error:
            raise SchemaError(f"line {error.lineno} is not Python: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise SchemaError(f"the file is not Python: {error}") from None
        self._bytes = text.encode()
        self._lines = text.split("\n")
        self._line_starts = [0]
        for line_text in self._lines:
            self._line_starts.append(self._line_starts[-1] + len(line_text.encode()) + 1)
        self._tokens: list[_Token] = []
        self._comments: list[int] = []
        self._read_tokens(text)
        self._starts = [token.start for token in self._tokens]

    def _read_tokens(self, text: str) -> None:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            start, end = self._char_offset(token.start), self._char_offset(token.end)
            if token.type == tokenize.COMMENT:
                self._comments.append(start)
            elif token.type not in _LAYOUT:
                self._tokens.append(_Token(token.string, token.type, start, end))

    def _char_offset(self, position: tuple[int, int]) -> int:
        row, column = position
        line = self._lines[row - 1] if row <= len(self._lines) else ""
        return self._line_starts[min(row, len(self._line_starts)) - 1] + len(line[:column].encode())

    def span(self, node: ast.expr) -> tuple[int, int]:
        """The node's first and last byte, with the parentheses around it."""
        start = self._line_starts[node.lineno - 1] + node.col_offset
        end = self._line_starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        while around := self._parentheses(start, end):
            start, end = around
        return start, end

    def text(self, node: ast.expr) -> str:
        """The node as written, with the parentheses around it."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def parenthesised(self, node: ast.expr) -> bool:
        """Whether the node stands in parentheses of its own: `(3)`, but not the 3 of `f(3)`."""
        start = self._line_starts[node.lineno - 1] + node.col_offset
        return self.span(node)[0] != start

    def in_brackets(self, node: ast.expr) -> bool:
        """Whether a tuple has its own parentheses: `(1, 2)`, but not `1, 2`."""
        start = self._line_starts[node.lineno - 1] + node.col_offset
        end = self._line_starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        depth = 0
        for token in self._tokens[bisect_left(self._starts, start) :]:
            depth += (token.text in _PAIRS) - (token.text in _PAIRS.values())
            if depth == 0:
                return token.text == ")" and token.end == end
        return False

    def commented(self, node: ast.expr, parts: Sequence[ast.expr]) -> bool:
        """Whether a comment stands in the node but in none of its parts."""
        start, end = self.span(node)
        spans = [self.span(part) for part in parts]
        return any(
            start <= comment < end and not any(first <= comment < last for first, last in spans)
            for comment in self._comments
        )

    def _parentheses(self, start: int, end: int) -> tuple[int, int] | None:
        before = bisect_left(self._starts, start) - 1
        after = bisect_left(self._starts, end)
        if before < 0 or after >= len(self._tokens):
            return None
        opening, closing = self._tokens[before], self._tokens[after]
        if opening.text != "(" or closing.text != ")" or self._belongs_to_a_call(before):
            return None
        return opening.start, closing.end

    def _belongs_to_a_call(self, index: int) -> bool:
        if index == 0:
            return False
        before = self._tokens[index - 1]
        if before.type == tokenize.NAME:
            return not keyword.iskeyword(before.text) or before.text in {"None", "True", "False"}
        return before.type in {tokenize.NUMBER, tokenize.STRING} or before.text in {")", "]", "}"}
