"""The largest list that is answered, found by the server's refusals."""

import pytest

from granite.gpu_check.checks import Failure
from granite.gpu_check.limits import limit


class Calls:
    """Two APIs that take so many items."""

    def __init__(self, cog, openai):
        self._cog, self._openai = cog, openai

    def refusal(self, sampling_params, **_):
        return self._refused(sampling_params["logit_bias"], self._cog)

    def openai_refusal(self, path, logit_bias, **_):
        return self._refused(logit_bias, self._openai)

    def text(self, **_):
        return "Hello"

    def _refused(self, value, most):
        return "`logit_bias` is too long." if len(value) > most else None


@pytest.mark.parametrize("most", [1, 1000, 1024, 2998])
def test_the_largest_list(most):
    assert limit(Calls(most, most), "logit_bias") == {
        "sentence": "`logit_bias` is too long.",
        "cog": most,
        "openai": most,
    }


def test_a_field_without_a_limit_fails():
    with pytest.raises(Failure, match=r"`logit_bias` with 3000 items is not refused: it was answered\."):
        limit(Calls(3000, 3000), "logit_bias")


def test_apis_with_different_limits_fail():
    with pytest.raises(Failure, match=r"The two APIs have different limits\."):
        limit(Calls(1024, 1000), "logit_bias")
