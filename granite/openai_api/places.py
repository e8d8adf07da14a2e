"""How many sequences the second door generates at once: its own places, so that neither door can starve the other.

vLLM's own limit (`max_num_queued_reqs`) counts the requests of both doors in one sum.
"""

from __future__ import annotations

from granite.serving import metrics


class Full(Exception):
    """No place is left."""


class Capacity:
    """The places of a server."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        metrics.PLACES.set(most)
        metrics.PLACES_IN_USE.set_function(lambda: self.taken)


class Places:
    """Those that one request holds: one for itself, and one for each further sequence that it asks for."""

    def __init__(self, capacity: Capacity) -> None:
        """Raises Full."""
        self._capacity = capacity
        self._held = 0
        self.hold(1)

    @property
    def most(self) -> int:
        """What the whole server has."""
        return self._capacity.most

    def hold(self, sequences: int) -> None:
        """Hold so many instead. Raises Full, and then holds what it held."""
        more = sequences - self._held
        if self._capacity.taken + more > self._capacity.most:
            raise Full
        self._capacity.taken += more
        self._held = sequences

    def give_back(self) -> None:
        self._capacity.taken -= self._held
        self._held = 0
