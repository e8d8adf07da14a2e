"""vLLM's error messages within our sentences, on one line."""

import re

MAX_LENGTH = 200
"""Characters of a message that a caller sees."""

NOT_FOR_CALLERS = re.compile(r"\[[\d:]+\] \S+:\d+: | ?\(parameter=.*", re.DOTALL)
"""xgrammar's time and source line, and where vLLM repeats the caller's text."""


def for_caller(error: Exception) -> str:
    """Ends with a full stop, or with an ellipsis if it is cut."""
    message = " ".join(NOT_FOR_CALLERS.sub("", str(error)).split()).rstrip(".") or type(error).__name__
    return f"{message}." if len(message) <= MAX_LENGTH else f"{message[:MAX_LENGTH]}…"


def for_operator(error: Exception) -> str:
    """Whole: it may be the only trace of what went wrong."""
    return " ".join(str(error).split())
