"""Cog's prefixes."""

import pytest

from granite.cli.sentence import sentence


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ("Prediction failed: Async prediction failed: InvalidInput: top_p is 0: why?", "top_p is 0: why?"),
        ("Prediction failed: Generator iteration error: EngineDied: It died.", "It died."),
        (
            "worker setup failed: worker setup failed (slot 9b): Setup failed: setup failed: WeightsError: No model.",
            "No model.",
        ),
        ("The server is busy.", "The server is busy."),
    ],
)
def test_what_is_left_is_our_own_sentence(told, ours):
    """The exception's name goes, too; what Cog says itself stays."""
    assert sentence(told) == ours
