"""Granite 3.3's token ids over SmolLM2's vocabulary: which token has which id, and which source row it takes.

    0 … 18          Granite's first special tokens, `<|end_of_text|>` first
    19 … 49151      SmolLM2's tokens at the ids they have there
    49152 … 49158   Granite's other special tokens: roles, tool call, citations, plugins
    49159, 49160    "!" and '"', which SmolLM2 has at 17 and 18
    … 49343         rows without a token: 49344 divides by 2, by 3 and by vLLM's 64, for parallel ranks

A token has two rows. The *input* row is what the model reads, the *output* row scores the token as the next one. SmolLM2
uses one matrix for both, the demo two: `<|end_of_role|>` must read exactly like SmolLM2's line break, yet with the same
output row it would be drawn in half of the places where a line break belongs, and vanish from the text.

A token that the model is never to write has an output row of zeros, so its score is always 0. That keeps it out:
the best token scores 24 or more on average, and over 5,026 positions of chat, code, prose and foreign scripts never below 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from granite_common.granite3.granite33.constants import ALL_SPECIAL_TOKENS
from numpy.typing import NDArray

FIRST = 19
PADDED = 49152 + 192
END_OF_TEXT = "<|end_of_text|>"
END_OF_ROLE = "<|end_of_role|>"
LINE_BREAK = "Ċ"  # "\n" in the alphabet of byte-level BPE
UNKNOWN = "<|endoftext|>"  # SmolLM2 names it as its unknown token
READ_AS_A_BREAK = (END_OF_ROLE, "<|tool_call|>", "<|start_of_cite|>", "<|end_of_cite|>")
"""Tokens of a prompt or answer whose own text says nothing: as its unknown token they make SmolLM2 start a new text, and
a guided tool call then repeats itself to its end."""
SAME_PART = {END_OF_TEXT: "<|im_end|>", "<|start_of_role|>": "<|im_start|>"}
NO_ROW = -1

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """`tokens` in the order of their ids; `read` and `written` give each id's source row, or NO_ROW. Shapes: [PADDED]."""

    tokens: list[str]
    read: Rows
    written: Rows

    @property
    def ids(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}


def build(source_tokens: Sequence[str]) -> Vocabulary:
    """Granite's vocabulary over a source's tokens, given in the order of their ids."""
    row = {token: number for number, token in enumerate(source_tokens)}
    displaced = [token for token in source_tokens[:FIRST] if not _is_special(token)]
    tokens = [*ALL_SPECIAL_TOKENS[:FIRST], *source_tokens[FIRST:], *ALL_SPECIAL_TOKENS[FIRST:], *displaced]
    # A name that SmolLM2 does not know is read as its unknown token.
    read = [
        row[LINE_BREAK] if token in READ_AS_A_BREAK else row.get(_source_name(token), row[UNKNOWN]) for token in tokens
    ]
    written = [row.get(_source_name(token), NO_ROW) for token in tokens]
    return Vocabulary(tokens, _padded(read), _padded(written))


def take(matrix: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """`matrix`'s rows in the order of `rows`; zeros where it says NO_ROW. Shapes: [source, width] to [PADDED, width]."""
    taken = matrix[rows]
    taken[rows == NO_ROW] = 0
    return taken


def _source_name(token: str) -> str:
    return SAME_PART.get(token, token)


def _is_special(token: str) -> bool:
    return token.startswith("<") and token.endswith(">")


def _padded(rows: list[int]) -> Rows:
    return np.array(rows + [NO_ROW] * (PADDED - len(rows)), dtype=np.int64)
