"""A sentence of ours, out of the prefixes that Cog puts before it."""

from __future__ import annotations

import re

PREFIX = re.compile(
    r"^.*?(?:Setup failed: setup failed|Async prediction failed|Generator iteration error): (?:\w+: )?", re.DOTALL
)
"""The last part is the exception's name."""


def sentence(told: str) -> str:
    """`told`: a prediction's `error`, or the logs of a failed setup. Unchanged where Cog's wording has moved."""
    return PREFIX.sub("", told.strip(), count=1)
