"""Exact sliding windows of one key, in chunks of the key's state.

The events lie in order of time, each with the sum of the amounts before it, so that a window is two positions and the
difference of two sums. A head holds the last, open chunk and the start of each window: an event in order costs one
read and one write, and an older chunk is read only when a window's start moves past one.
"""

from __future__ import annotations

from array import array
from typing import Protocol

WINDOWS_US = (3_600_000_000, 86_400_000_000, 604_800_000_000)
CHUNK = 32
HEAD = 4 + 2 * len(WINDOWS_US)
"""Of the head: size, sum of all, first chunk kept, newest time, then position and sum of each window's start."""
LOWEST = -(2**63)


class State(Protocol):
    """State of one key, by name."""

    def get_bytes(self, key: str) -> bytes | None: ...
    def set_bytes(self, key: str, value: bytes) -> None: ...
    def delete(self, key: str) -> None: ...


class SlidingLog:
    """The log of one key while one event is answered and added."""

    def __init__(self, state: State, late_us: int) -> None:
        self._state = state
        self._late_us = late_us
        self._chunks: dict[int, array[int]] = {}
        self._changed: set[int] = set()
        head = array("q", state.get_bytes("head") or bytes(array("q", [0, 0, 0, LOWEST] + [0] * (HEAD - 4))))
        self._size, self._total, self._kept, self._newest = head[:4]
        self._starts = head[4:HEAD]
        self._chunks[self._size // CHUNK] = head[HEAD:]

    def step(self, time_us: int, cents: int) -> tuple[list[int], bool]:
        """Count and sum of each window `[time - size, time)`; then the event is added.

        True where the event came later than `late_us` behind the newest one: it is then taken for the newest, since
        to rewrite a long part of the log for each event of a key whose partitions are out of step would take for ever.
        """
        late = self._size > 0 and time_us < self._newest - self._late_us
        if late:
            time_us = self._newest + 1
        end = self._size if time_us > self._newest else self._seek(self._size, time_us)
        end_sum = self._sum_at(end)
        found = []
        for at in range(0, len(self._starts), 2):
            start = self._seek(self._starts[at], time_us - WINDOWS_US[at // 2])
            self._starts[at], self._starts[at + 1] = start, self._sum_at(start)
            found += [end - start, end_sum - self._starts[at + 1]]
        self._add(end, end_sum, time_us, cents)
        self._store()
        return found, late

    def _add(self, position: int, before: int, time_us: int, cents: int) -> None:
        carry = array("q", (time_us, before))
        for number in range(position // CHUNK, self._size // CHUNK + 1):
            chunk = self._chunk(number)
            at = 2 * max(position - number * CHUNK, 0)
            for later in range(at + 1, len(chunk), 2):
                chunk[later] += cents
            chunk[at:at] = carry
            carry = chunk[2 * CHUNK :]
            del chunk[2 * CHUNK :]
            self._changed.add(number)
        self._size += 1
        self._total += cents
        self._newest = max(self._newest, time_us)
        for at in range(0, len(self._starts), 2):
            if position < self._starts[at]:
                self._starts[at] += 1
                self._starts[at + 1] += cents

    def _store(self) -> None:
        tail = self._size // CHUNK
        self._changed.discard(tail)
        for number in self._changed:
            self._state.set_bytes(f"chunk{number}", self._chunks[number].tobytes())
        oldest = self._newest - WINDOWS_US[-1] - self._late_us
        while (self._kept + 1) * CHUNK <= self._starts[-2] and self._chunk(self._kept)[-2] < oldest:
            self._state.delete(f"chunk{self._kept}")
            self._kept += 1
        head = array("q", (self._size, self._total, self._kept, self._newest)) + self._starts
        self._state.set_bytes("head", (head + self._chunks.get(tail, array("q"))).tobytes())

    def _seek(self, position: int, time_us: int) -> int:
        """The first position whose event is at the time or later, looked for from `position` on in both directions."""
        position = min(position, self._size)
        while position > self._kept * CHUNK and self._time_at(position - 1) >= time_us:
            position -= 1
        while position < self._size and self._time_at(position) < time_us:
            position += 1
        return position

    def _chunk(self, number: int) -> array[int]:
        if number not in self._chunks:
            self._chunks[number] = array("q", self._state.get_bytes(f"chunk{number}") or b"")
        return self._chunks[number]

    def _time_at(self, position: int) -> int:
        return self._chunk(position // CHUNK)[2 * (position % CHUNK)]

    def _sum_at(self, position: int) -> int:
        if position == self._size:
            return self._total
        return self._chunk(position // CHUNK)[2 * (position % CHUNK) + 1]
