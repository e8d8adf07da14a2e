"""vLLM's words in a sentence of ours: on one line, not too many, and without what only its developers can use."""

from __future__ import annotations

import re

LONGEST = 200
"""Characters of vLLM's words that a caller is told."""

NOT_FOR_A_CALLER = re.compile(r"\[[\d:]+\] \S+:\d+: | ?\(parameter=.*", re.DOTALL)
"""Where xgrammar puts the time and its own source, and vLLM the caller's words again."""

NOT_FOR_AN_OPERATOR = re.compile(
    r"Call to \w+ method failed: |Worker failed with error ['\"]|['\"], please check the .*"
)
"""What vLLM puts around the words of a process of its own."""


def for_caller(error: Exception) -> str:
    """Ends with a full stop, or with an ellipsis."""
    reason = " ".join(NOT_FOR_A_CALLER.sub("", str(error)).split())
    reason = reason.rstrip(".") or type(error).__name__
    return f"{reason}." if len(reason) <= LONGEST else f"{reason[:LONGEST]}…"


def for_operator(error: Exception) -> str:
    """Whole: it may be the only trace of what went wrong."""
    return " ".join(NOT_FOR_AN_OPERATOR.sub("", str(error)).split())
