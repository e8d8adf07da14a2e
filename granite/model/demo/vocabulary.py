"""Granite 3.3's token ids over SmolLM2's vocabulary: which token has which id, and which source row it takes.

    0 … 18          Granite's first special tokens, `<|end_of_text|>` first
    19 … 49151      SmolLM2's tokens at the ids they have there
    49152 … 49158   Granite's other special tokens: roles, tool call, citations, plugins
    49159, 49160    "!" and '"', which SmolLM2 has at 17 and 18
    … 49343         rows without a token: 49344 is divisible by 2, by 3 and by vLLM's 64, for parallel ranks

A token has two rows. The *input* row is what the model reads, the *output* row scores the token as the next one. SmolLM2
uses one matrix for both, the demo two: `<|end_of_role|>` must read exactly like SmolLM2's line break, but with the same
output row it would replace half of the line breaks, and vanish from the text.

A token that the model must never write has an output row of zeros, so its score is always 0. That keeps it out: over
5,026 positions of chat, code, prose and foreign scripts the best token's score was never below 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPECIAL_TOKENS = (  # noqa: SIM905  # shorter than a list of 26 lines
    "<|end_of_text|> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <filename> <gh_stars> <issue_start> <issue_comment> "
    "<issue_closed> <jupyter_start> <jupyter_text> <jupyter_code> <jupyter_output> <empty_output> <commit_before> "
    "<commit_msg> <commit_after> <reponame> <|start_of_role|> <|end_of_role|> <|tool_call|> <|start_of_cite|> "
    "<|end_of_cite|> <|start_of_plugin|> <|end_of_plugin|>"
).split()
"""Granite 3.3's, in the order of their ids."""

FIRST = 19
PADDED = 49152 + 192
END_OF_TEXT = "<|end_of_text|>"
LINE_BREAK = "Ċ"  # "\n" in the alphabet of byte-level BPE
UNKNOWN = "<|endoftext|>"  # SmolLM2's unknown token
READ_AS_LINE_BREAK = ("<|end_of_role|>", "<|tool_call|>", "<|start_of_cite|>", "<|end_of_cite|>")
"""Tokens without a counterpart that occur in prompts and answers: read as the unknown token they make SmolLM2 start a
new text, and a guided tool call then repeats itself to its end."""
COUNTERPARTS = {END_OF_TEXT: "<|im_end|>", "<|start_of_role|>": "<|im_start|>"}
NO_ROW = -1

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """`tokens` in the order of their ids; `read` and `written`: each id's source row, or NO_ROW. Shapes: [PADDED]."""

    tokens: list[str]
    read: Rows
    written: Rows

    @property
    def ids(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}


def build(source_tokens: Sequence[str]) -> Vocabulary:
    """Build Granite's vocabulary over a source's tokens, which are in the order of their ids."""
    row = {token: number for number, token in enumerate(source_tokens)}
    displaced = [token for token in source_tokens[:FIRST] if not token.startswith("<")]
    tokens = [*SPECIAL_TOKENS[:FIRST], *source_tokens[FIRST:], *SPECIAL_TOKENS[FIRST:], *displaced]
    written = [row.get(COUNTERPARTS.get(token, token), NO_ROW) for token in tokens]
    read = [own if own != NO_ROW else row[UNKNOWN] for own in written]
    for token in READ_AS_LINE_BREAK:
        read[tokens.index(token)] = row[LINE_BREAK]
    padding = [NO_ROW] * (PADDED - len(tokens))
    return Vocabulary(tokens, np.array(read + padding), np.array(written + padding))


def take(matrix: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """Select rows of `matrix`; zeros for NO_ROW. Shapes: [source, width] to [PADDED, width]."""
    taken = matrix[rows]
    taken[rows == NO_ROW] = 0
    return taken
