"""What a request leaves behind: its log lines and its metrics."""

from __future__ import annotations

import asyncio
from typing import Any

from granite.answer import Answer, Delta


class Record:
    """Writes down one answer as it grows and ends."""

    def __init__(self, answer: Answer, log: Any, scope: Any) -> None:
        """`log`: a structlog logger bound to the request. `scope`: Cog's, of this prediction."""
        self._answer = answer
        self._log = log
        self._scope = scope

    def add(self, delta: Delta) -> None:
        self._answer.add(delta)

    def cannot_cancel(self) -> None:
        self._log.warning("This request cannot be canceled: Cog no longer submits it as this package expects")

    def end(self, error: BaseException | None) -> None:
        """Log how it ended and record the metrics. `error`: None, asyncio.CancelledError, or what the engine raised."""
        for name, value in self._answer.metrics().items():
            self._scope.record_metric(name, value)
        if isinstance(error, asyncio.CancelledError):
            self._log.info("predict() canceled", output_token_count=self._answer.tokens)
        elif error is not None:
            self._log.error("predict() failed", error=type(error).__name__, output_token_count=self._answer.tokens)
        else:
            self._log.debug("result", finish_reason=self._answer.finish_reason, text=self._answer.text)
            self._log.info(f"Generation took {self._answer.seconds:.2f}s")
            self._log.info("predict() complete")
