"""Content without control tokens, where they were kept in the text for a parser to read."""

from __future__ import annotations

from dataclasses import replace

from granite.output.parser import Parser, Piece
from granite.output.tags import Tags
from granite.request.control_tokens import CONTROL_TOKENS


class Scrubbed:
    def __init__(self, inner: Parser) -> None:
        self._inner = inner
        self._tags = Tags(CONTROL_TOKENS)

    def add(self, text: str) -> Piece:
        return self._piece(self._inner.add(text))

    def end(self) -> Piece:
        piece = self._piece(self._inner.end())
        return replace(piece, content=piece.content + without_cut_token(self._tags.rest()))

    def _piece(self, piece: Piece) -> Piece:
        parts = self._tags.split(piece.content)
        return replace(piece, content="".join(part for part in parts if part not in CONTROL_TOKENS))


def without_cut_token(rest: str) -> str:
    """A text's end without what it has of a control token: a stop text can lie within one."""
    return "" if rest.startswith("<|") else rest
