"""What Cog's door counts."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from granite.errors import EngineDied, InvalidInput
from granite.serving import metrics


def counted(outcome):
    return REGISTRY.get_sample_value("granite_predictions_total", {"outcome": outcome})


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidInput("top_p must be above 0."), "refused"),
        (EngineDied(), "failed"),
        (ZeroDivisionError(), "failed"),
        (asyncio.CancelledError(), "canceled"),
    ],
)
async def test_a_predict_that_gives_no_answer_is_counted(error, outcome):
    """By whose fault it was."""
    before = counted(outcome)

    async def predict():
        raise error

    task = asyncio.create_task(predict())
    await asyncio.wait({task})
    metrics.count_unanswered(task)
    assert counted(outcome) == before + 1


async def test_a_predict_that_answers_is_counted_at_the_answers_end():
    """Not twice."""
    before = [counted(outcome) for outcome in ("succeeded", "failed", "canceled", "refused")]
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    metrics.count_unanswered(task)
    assert [counted(outcome) for outcome in ("succeeded", "failed", "canceled", "refused")] == before
