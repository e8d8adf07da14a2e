"""Log probabilities of tokens as vLLM gives them, in the form of a chat completion's `logprobs.content`.

Format: https://platform.openai.com/docs/api-reference/chat/object. vLLM's entries are read by their fields alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from granite.request.control_tokens import END_OF_TEXT_ID

LEAST_LOGPROB = -9999.0
"""Stands for minus infinity, which JSON does not have, as in vLLM's own server."""


class Entry(Protocol):
    """vLLM's Logprob: of one token at one place. `rank`: 1 is the likeliest."""

    logprob: float
    rank: int | None
    decoded_token: str | None


def content(
    tokens: Sequence[int], alternatives: Sequence[Mapping[int, Entry] | None], most: int, stopped: bool
) -> tuple[dict[str, Any], ...]:
    """One for each token, with its `most` likeliest alternatives.

    `alternatives`: each token's, by id. `stopped`: without the token that ends an answer, which it then has.
    """
    told = []
    for token, entries in zip(tokens, alternatives, strict=True):
        if entries is None or (stopped and token == END_OF_TEXT_ID):
            continue
        best = sorted(entries.values(), key=lambda entry: entry.rank or 0)
        top = [_one(entry) for entry in best if (entry.rank or 0) <= most]
        told.append({**_one(entries[token]), "top_logprobs": top})
    return tuple(told)


def _one(entry: Entry) -> dict[str, Any]:
    token = entry.decoded_token or ""
    return {"token": token, "logprob": max(entry.logprob, LEAST_LOGPROB), "bytes": list(token.encode())}
