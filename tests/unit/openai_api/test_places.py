"""The places of the OpenAI API."""

import pytest

from granite.openai_api.places import Capacity, Full, Places


def test_each_sequence_takes_a_place():
    """And gives it back."""
    capacity = Capacity(4)
    one, two = Places(capacity), Places(capacity)
    two.hold(3)
    assert capacity.taken == 4
    with pytest.raises(Full):
        Places(capacity)
    one.give_back()
    assert capacity.taken == 3
    two.give_back()
    assert (capacity.taken, two.most) == (0, 4)


def test_who_asks_for_too_many_keeps_what_it_held():
    """So that it gives back no more than that."""
    capacity = Capacity(4)
    places = Places(capacity)
    with pytest.raises(Full):
        places.hold(5)
    assert capacity.taken == 1
    places.give_back()
    places.give_back()
    assert capacity.taken == 0
