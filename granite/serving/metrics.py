"""Prometheus metrics of both APIs, in the registry that holds vLLM's own; served at the OpenAI API's /metrics.

Names and units: https://prometheus.io/docs/practices/naming/.
"""

import asyncio
from collections.abc import Sized
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from granite.errors import RequestError

PREDICTIONS = Counter(
    "granite_predictions",
    "Predictions of the Cog API by how they ended. Refused: invalid input, nothing was generated.",
    ["outcome"],
)
FIRST_CHUNK = Histogram(
    "granite_time_to_first_chunk_seconds",
    "From the start of a prediction to the first chunk handed to Cog.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
SLOTS = Gauge("granite_slots", "Predictions that Cog runs at once.")
SLOTS_IN_USE = Gauge("granite_slots_in_use", "Predictions being answered.")
OPENAI_SLOTS = Gauge("granite_openai_slots", "Sequences that the OpenAI API generates at once.")
OPENAI_SLOTS_IN_USE = Gauge("granite_openai_slots_in_use", "Sequences that the OpenAI API is generating.")
OPENAI_REFUSED = Counter("granite_openai_refused", "Requests that the OpenAI API refused, by HTTP status.", ["status"])

for outcome in ("succeeded", "failed", "canceled", "refused"):
    PREDICTIONS.labels(outcome)  # starts at 0: a rate would otherwise begin with a gap


def watch(running: Sized, slots: int) -> None:
    """Export the Cog API's slots, and read those in use from `running`."""
    SLOTS.set(slots)
    SLOTS_IN_USE.set_function(lambda: len(running))


def count_unanswered(predict: asyncio.Task[Any]) -> None:
    """Count a predict() call that ended without an answer to stream."""
    if predict.cancelled():
        PREDICTIONS.labels("canceled").inc()
    elif (error := predict.exception()) is not None:
        PREDICTIONS.labels("refused" if isinstance(error, RequestError) else "failed").inc()
