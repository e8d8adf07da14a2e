"""One prediction's log lines and metrics."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from granite.errors import RequestError
from granite.output.answer import Answer, Delta
from granite.serving import metrics


class Record:
    """Used in the request's own context, where its log lines reach the prediction; complete before the stream ends."""

    def __init__(self, user_prompt: str, scope: Any) -> None:
        """`scope`: Cog's, of this prediction."""
        self.id = uuid.uuid4().hex
        self.answer = Answer()
        self._scope = scope
        self._log = structlog.get_logger().bind(request_id=self.id, user_prompt=user_prompt)
        self._sent = False
        self._log.info("predict() commencing")

    @contextmanager
    def log_failure(self) -> Iterator[None]:
        """Log what is raised here: Cog does not, by RUST_LOG in cog.yaml."""
        try:
            yield
        except Exception as error:
            self._failed(error)
            raise

    def prompt(self, text: str) -> None:
        self._log.debug("Formatted prompt using chat template", formatted_prompt=text)

    def params(self, params: Any) -> None:
        self._log.debug("SamplingParams", sampling_params=params)

    def not_cancelable(self) -> None:
        self._log.warning("This request cannot be canceled: Cog no longer submits it as this package expects")

    def add(self, delta: Delta) -> None:
        self.answer.add(delta)

    def chunk_sent(self) -> None:
        """Called on the prediction's own thread."""
        if not self._sent:
            self._sent = True
            metrics.FIRST_CHUNK.observe(self.answer.seconds)

    def end(self, error: BaseException | None) -> None:
        """`error`: None, asyncio.CancelledError, or what the engine raised."""
        for name, value in self.answer.metrics().items():
            self._scope.record_metric(name, value)
        if isinstance(error, asyncio.CancelledError):
            outcome = "canceled"
            self._log.info("predict() canceled", output_token_count=self.answer.tokens)
        elif error is not None:
            outcome = "failed"
            self._failed(error, output_token_count=self.answer.tokens)
        else:
            outcome = "succeeded"
            self._log.debug("result", finish_reason=self.answer.finish_reason, text=self.answer.text)
            self._log.info(f"Generation took {self.answer.seconds:.2f}s")
            self._log.info("predict() complete")
        metrics.PREDICTIONS.labels(outcome).inc()

    def _failed(self, error: BaseException, **fields: int) -> None:
        fault = {"error": type(error).__name__, "reason": str(error), **fields}
        if isinstance(error, RequestError):
            self._log.info("predict() refused", **fault)
        else:
            self._log.error("predict() failed", **fault)
