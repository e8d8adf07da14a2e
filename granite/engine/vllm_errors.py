"""vLLM's error messages within our sentences: on one line, without what only its developers can use."""

from __future__ import annotations

import re

MAX_LENGTH = 200
"""Characters of a message that a caller sees."""

NOT_FOR_CALLERS = re.compile(r"\[[\d:]+\] \S+:\d+: | ?\(parameter=.*", re.DOTALL)
"""xgrammar's time and source line, and where vLLM repeats the caller's text."""

NOT_FOR_OPERATORS = re.compile(r"Call to \w+ method failed: |Worker failed with error ['\"]|['\"], please check the .*")
"""What vLLM wraps around an error of one of its processes."""


def for_caller(error: Exception) -> str:
    """Ends with a full stop, or with an ellipsis if it is cut."""
    message = _on_one_line(NOT_FOR_CALLERS.sub("", str(error))).rstrip(".") or type(error).__name__
    return f"{message}." if len(message) <= MAX_LENGTH else f"{message[:MAX_LENGTH]}…"


def for_operator(error: Exception) -> str:
    """Uncut: it may be the only trace of what went wrong."""
    return _on_one_line(NOT_FOR_OPERATORS.sub("", str(error)))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
