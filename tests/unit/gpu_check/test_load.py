"""Statistics of a load."""

from types import SimpleNamespace

import pytest

from granite.engine.cards import find
from granite.gpu_check.load import bound, percentile


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.25, 1), (1, 4)])
def test_a_percentile(share, value):
    assert percentile([4, 1, 3, 2], share) == value


@pytest.mark.parametrize(
    ("quantization", "gpus", "most"), [(None, 1, 203), ("fp8_per_channel", 1, 392), (None, 2, 406)]
)
def test_the_bound_is_script_plans(quantization, gpus, most):
    """For one stream of 1,000 tokens; docs/gpu.md has the first two."""
    variables = {"QUANTIZATION": quantization} if quantization else {}
    calls = SimpleNamespace(engine_args={"tensor_parallel_size": gpus}, server=SimpleNamespace(variables=variables))
    assert round(bound(calls, 1, 1000, find("H100"))) == most
