"""Log probabilities of tokens as vLLM gives them, in the format of a chat completion's `logprobs.content`.

Format: https://platform.openai.com/docs/api-reference/chat/object. vLLM's objects are read by their fields alone: an entry
has `logprob`, `rank` (1 is the likeliest) and `decoded_token`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

MIN_LOGPROB = -9999.0
"""Replaces minus infinity, which JSON lacks; vLLM's own server sends the same number."""

TokenLogprob = dict[str, Any]
"""`token`, `logprob` (None for a prompt's first token, which nothing predicts), `bytes` and `top_logprobs`."""


def content(completion: Any, most: int | None) -> tuple[TokenLogprob, ...]:
    """One for each new token of vLLM's CompletionOutput, with its `most` likeliest alternatives; None: not requested."""
    if most is None or completion.logprobs is None:
        return ()
    pairs = zip(completion.token_ids, completion.logprobs, strict=True)
    return tuple(_token(entries, token_id, most) for token_id, entries in pairs)


def prompt_content(
    token_ids: Sequence[int],
    logprobs: Sequence[Mapping[int, Any] | None] | None,
    most: int | None,
    decode: Callable[[list[int]], str],
) -> tuple[TokenLogprob, ...]:
    """One for each token of the prompt, from vLLM's `prompt_logprobs`, which have no entries for the first token.

    `decode`: the text of token ids.
    """
    if most is None or logprobs is None:
        return ()
    return tuple(
        _token(entries, token_id, most) if entries else _alternative(decode([token_id]), None) | {"top_logprobs": []}
        for token_id, entries in zip(token_ids, logprobs, strict=True)
    )


def _token(entries: Mapping[int, Any], token_id: int, most: int) -> TokenLogprob:
    best = sorted((entry for entry in entries.values() if entry.rank <= most), key=lambda entry: entry.rank)
    own, *top = (_alternative(entry.decoded_token or "", entry.logprob) for entry in (entries[token_id], *best))
    return own | {"top_logprobs": top}


def _alternative(token: str, logprob: float | None) -> dict[str, Any]:
    logprob = None if logprob is None else max(logprob, MIN_LOGPROB)
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
