"""How far back a state is read: contributions that no answer still to come can see stay in the store.

A state holds the steps at which the largest event time of a scope rose. All records at offsets below a step lie before
its time, so a window that begins there or later sees none of them. What one drain wrote lies wholly at smaller offsets
than what the next one wrote; so entries of drains before that of the step are not seen, those of its own may be.
"""

from __future__ import annotations

from typing import Final

from ofs.engine.port import StatefulFold
from ofs.ports import StateStore
from ofs.units import INT64_MIN

_OFFSET_BYTES: Final = 8


class Horizon:
    """Of one fold and its store. The smallest as-of of what is still to be answered never falls."""

    def __init__(self, store: StateStore, fold: StatefulFold) -> None:
        self._store: Final = store
        self._fold: Final = fold
        self._as_of_us = INT64_MIN
        self._firsts: dict[bytes, bytes] = {}

    def narrow(self, as_of_us: int) -> None:
        """No query with an as-of before this one will come. Raises ValueError where a step is damaged, StateError."""
        if as_of_us <= self._as_of_us or not self._fold.is_lazy:
            return
        self._as_of_us = as_of_us
        found: dict[tuple[bytes, int], int | None] = {}
        for steps, contributions, time_us in self._fold.horizons(as_of_us):
            if (steps, time_us) not in found:
                found[steps, time_us] = self._first_seen(steps, time_us)
            first = found[steps, time_us]
            if first is not None:
                self._firsts[contributions] = _offset_bytes(first)

    def firsts(self, prefixes: list[bytes]) -> list[bytes]:
        """Where to begin under each prefix of a key's contributions."""
        length = len(next(iter(self._firsts), b""))  # tag, pins and group: all are as long
        return [prefix + self._firsts.get(prefix[:length], b"") for prefix in prefixes]

    def _first_seen(self, steps: bytes, time_us: int) -> int | None:
        """The first offset whose entries may hold event times from `time_us` on; None: any may."""
        step = self._last_step(steps, time_us)
        # an entry up to where the drain before began is of that drain at the latest
        before = self._store.last(steps, steps + _offset_bytes(step - 1)) if step else None
        return None if before is None else _offset(before[0]) + 1

    def _last_step(self, steps: bytes, time_us: int) -> int | None:
        """The offset of the last entry whose first step is not later than a time; they ascend together."""
        found, low, high = None, 0, self._fold.frontier
        while low < high:
            middle = (low + high) // 2
            entry = self._store.last(steps, steps + _offset_bytes(middle))
            if entry is None:
                low = middle + 1
            elif self._fold.first_step_us(entry[1]) <= time_us:
                found, low = _offset(entry[0]), middle + 1
            else:
                high = _offset(entry[0])
        return found


def _offset_bytes(offset: int) -> bytes:
    return offset.to_bytes(_OFFSET_BYTES, "big")


def _offset(key: bytes) -> int:
    return int.from_bytes(key[-_OFFSET_BYTES:], "big")
