"""What a request leaves behind: its log lines and its metrics."""

from __future__ import annotations

import asyncio
from typing import Any

from granite.output.answer import Answer, Delta
from granite.serving import metrics


class Record:
    """Writes down one answer as it grows and ends."""

    def __init__(self, answer: Answer, log: Any, scope: Any) -> None:
        """`log`: a structlog logger bound to the request. `scope`: Cog's, of this prediction."""
        self._answer = answer
        self._log = log
        self._scope = scope
        self._sent = False

    def add(self, delta: Delta) -> None:
        self._answer.add(delta)

    def cannot_cancel(self) -> None:
        self._log.warning("This request cannot be canceled: Cog no longer submits it as this package expects")

    def sending(self) -> None:
        """A chunk is given to Cog; called on the prediction's own thread."""
        if not self._sent:
            self._sent = True
            metrics.FIRST_CHUNK.observe(self._answer.seconds)

    def end(self, error: BaseException | None) -> None:
        """Log how it ended and record the metrics. `error`: None, asyncio.CancelledError, or what the engine raised."""
        for name, value in self._answer.metrics().items():
            self._scope.record_metric(name, value)
        if isinstance(error, asyncio.CancelledError):
            outcome = "canceled"
            self._log.info("predict() canceled", output_token_count=self._answer.tokens)
        elif error is not None:
            outcome = "failed"
            self._log.error("predict() failed", error=type(error).__name__, output_token_count=self._answer.tokens)
        else:
            outcome = "succeeded"
            self._log.debug("result", finish_reason=self._answer.finish_reason, text=self._answer.text)
            self._log.info(f"Generation took {self._answer.seconds:.2f}s")
            self._log.info("predict() complete")
        metrics.PREDICTIONS.labels(outcome).inc()
