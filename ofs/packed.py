"""Byte strings one after another, so that many of them cross a border as two."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

_WORD: Final = "Q"
_WORD_BYTES: Final = array(_WORD).itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Byte strings as Arrow's large binary has them: the one at `i` is `data[offsets[i]:offsets[i + 1]]`.

    `offsets`: words of 64 bits in this machine's order, one more than there are strings; the first need not be 0.
    """

    data: bytes
    offsets: bytes

    @classmethod
    def of(cls, strings: Iterable[bytes]) -> Packed:
        """These, copied."""
        held = list(strings)
        return cls(b"".join(held), array(_WORD, accumulate(map(len, held), initial=0)).tobytes())

    def __len__(self) -> int:
        return len(self.offsets) // _WORD_BYTES - 1

    def __iter__(self) -> Iterator[bytes]:
        return (self.data[start:end] for start, end in pairwise(self.words()))

    def lengths(self) -> list[int]:
        """Of each, in bytes."""
        return [end - start for start, end in pairwise(self.words())]

    def slice(self, first: int, end: int) -> Packed:
        """Those at the indexes `[first, end)`, as a list is sliced; the data is shared. Bounds: neither is negative."""
        end = min(end, len(self))
        first = min(first, end)
        return Packed(self.data, self.offsets[first * _WORD_BYTES : (end + 1) * _WORD_BYTES])

    def joined(self) -> memoryview:
        """All of them, one after another."""
        words = self.words()
        return memoryview(self.data)[words[0] : words[-1]]

    def words(self) -> memoryview[int]:
        """The offsets as numbers."""
        return memoryview(self.offsets).cast(_WORD)
