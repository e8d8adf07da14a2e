"""Titles as Cog makes them of names."""

from __future__ import annotations


def title(name: str) -> str:
    """`max_tokens` as `Max Tokens`. Cog raises the first byte: a letter of several comes out as so many U+FFFD."""
    return " ".join(_capital(part) for part in name.split("_"))


def _capital(word: str) -> str:
    first = word[:1]
    return f"{first.upper() if first.isascii() else chr(0xFFFD) * len(first.encode())}{word[1:]}"
