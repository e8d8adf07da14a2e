"""What the log says of a started engine."""

import pytest
import structlog

from granite.engine.capacity import Capacity
from granite.settings import Settings
from tests.machines import CPU, GPU

L4 = Capacity(context=19_976, cache_tokens=19_976, attention="FLASH_ATTN", model_runner_v2=True, async_scheduling=True)
FULL = (
    "The server accepts 256 requests at once, but only 19 of 1000 tokens fit into the KV cache and others wait; lower "
    "COG_MAX_CONCURRENCY or OPENAI_MAX_CONCURRENCY to refuse them instead"
)


def test_one_line_and_a_warning_where_the_slots_exceed_the_cache():
    with structlog.testing.capture_logs() as entries:
        L4.log(structlog.get_logger(), Settings(), GPU)
        L4.log(structlog.get_logger(), Settings(cog_max_concurrency=19), CPU)
    line = {
        "event": "The engine is ready",
        "log_level": "info",
        "attention": "FLASH_ATTN",
        "context": 19_976,
        "cache_tokens": 19_976,
        "answers": "19 of 1000 tokens at once",
    }
    warning = {"event": FULL, "log_level": "warning"}
    assert entries == [line | {"card": "1 x NVIDIA H100"}, warning, line | {"card": "CPU"}]


@pytest.mark.parametrize(("gpu", "warned"), [(True, ["V1", "n-gram"]), (False, [])])
def test_what_makes_a_gpu_slow_is_warned_of(gpu, warned):
    slow = Capacity(context=1, cache_tokens=10**6, attention="", model_runner_v2=False, async_scheduling=False)
    found = slow.warnings(256, gpu=gpu)
    assert len(found) == len(warned)
    assert all(word in warning for word, warning in zip(warned, found, strict=True))
