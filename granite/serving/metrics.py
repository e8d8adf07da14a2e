"""What Cog's door and the gate of the OpenAI API count, in Prometheus' registry, where vLLM's own metrics are.

Names and units: https://prometheus.io/docs/practices/naming/. Served at the OpenAI API's /metrics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from granite.errors import RequestError

PREDICTIONS = Counter(
    "granite_predictions",
    "Predictions that ended at Cog's door. Refused: a mistake of the caller's, nothing was generated.",
    ["outcome"],
)
FIRST_CHUNK = Histogram(
    "granite_time_to_first_chunk_seconds",
    "From the start of a prediction to the first chunk that Cog is given to send.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
SLOTS = Gauge("granite_slots", "Predictions that Cog runs at once.")
SLOTS_IN_USE = Gauge("granite_slots_in_use", "Predictions that predict() and the engine work on.")
PLACES = Gauge("granite_openai_places", "Sequences that the OpenAI API generates at once.")
PLACES_IN_USE = Gauge("granite_openai_places_in_use", "Sequences that the OpenAI API's requests hold places for.")
TURNED_AWAY = Counter("granite_openai_turned_away", "Requests that the gate of the OpenAI API refused.", ["status"])

for outcome in ("succeeded", "failed", "canceled", "refused"):
    PREDICTIONS.labels(outcome)  # 0 until there is one, where a rate would otherwise begin with a gap


def watch(running: Sized, slots: int) -> None:
    """Read the slots in use from `running` whenever they are asked for."""
    SLOTS.set(slots)
    SLOTS_IN_USE.set_function(lambda: len(running))


def count_unanswered(predict: asyncio.Task[Any]) -> None:
    """Count a predict() that has ended without an answer to stream."""
    if predict.cancelled():
        PREDICTIONS.labels("canceled").inc()
    elif (error := predict.exception()) is not None:
        PREDICTIONS.labels("refused" if isinstance(error, RequestError) else "failed").inc()
