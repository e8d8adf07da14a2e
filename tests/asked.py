"""Requests as predict() receives them."""

import pytest

from granite.cli import contract
from granite.errors import InvalidInput
from granite.request.faults import Faults
from granite.request.inputs import Inputs

DEFAULTS = {name: schema["default"] for name, schema in contract.input_properties().items()}


def asked(**given):
    """A request with predict()'s defaults."""
    return Inputs(**DEFAULTS | given)


def passed(check, **given):
    """What a check makes of a request that has no fault. `check(faults, inputs)`."""
    faults = Faults(DEFAULTS)
    made = check(faults, asked(**given))
    faults.check()
    return made


def refused(check, **given):
    """The sentences for the faults of a request."""
    with pytest.raises(InvalidInput) as caught:
        passed(check, **given)
    return str(caught.value)
