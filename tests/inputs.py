"""Requests as predict() receives them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from granite.errors import InvalidInput
from granite.request.inputs import Inputs
from granite.request.request import Checks, Request
from predict import Predictor

DEFAULTS = Inputs.defaults(Predictor.predict)
CHECKS = Checks(["haiku"], trust_chat_template=False)


def inputs(**given: Any) -> Inputs:
    """predict()'s inputs, the others at their defaults."""
    return dataclasses.replace(DEFAULTS, **given)


def request(*, checks: Checks = CHECKS, verbatim: str | list[int] | None = None, **given: Any) -> Request:
    """The request that these inputs become."""
    return checks.request(inputs(**given), verbatim=verbatim)


def refusal(*, checks: Checks = CHECKS, verbatim: str | list[int] | None = None, **given: Any) -> str:
    """The sentence that these inputs are refused with."""
    with pytest.raises(InvalidInput) as caught:
        request(checks=checks, verbatim=verbatim, **given)
    return str(caught.value)
