"""How many sequences the OpenAI API generates at once.

Slots of its own keep either API from starving the other; vLLM's own limits count the requests of both in one sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

from granite.serving import metrics

FULL = "The server is at capacity; send the request again after the seconds in Retry-After."


class Capacity:
    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._in_use = 0
        self._bodies = 0
        metrics.OPENAI_SLOTS.set(slots)
        metrics.OPENAI_SLOTS_IN_USE.set_function(lambda: self._in_use)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Admit one body. It takes no slot while it arrives, but no more bodies than slots are read at once.

        Raises HTTPException.
        """
        if max(self._in_use, self._bodies) >= self.slots:
            raise HTTPException(503, FULL)
        self._bodies += 1
        try:
            yield
        finally:
            self._bodies -= 1

    @contextmanager
    def take(self, sequences: int) -> Iterator[None]:
        """Hold a slot for each sequence. Raises HTTPException."""
        if self._in_use + sequences > self.slots:
            raise HTTPException(503, FULL)
        self._in_use += sequences
        try:
            yield
        finally:
            self._in_use -= sequences
