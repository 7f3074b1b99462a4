"""A small generator of pseudo-random integers, the same on every machine and in every language: SplitMix64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1


class Draw:
    """Integers drawn from a seed; integer arithmetic only. One owner: drawing moves it on."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """64 bits.

        >>> hex(Draw(0).bits())
        '0xe220a8397b1dcdaf'
        """
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """A number in `[0, limit)`."""
        return (self.bits() * limit) >> 64

    def chance(self, per_mille: int) -> bool:
        """True so often in a thousand."""
        return self.below(1_000) < per_mille

    def heavy(self, limit: int, power: int) -> int:
        """A number in `[0, limit)`, small ones far more often: half of all draws lie below `limit / 2**power`."""
        return int((self.bits() ** power * limit) >> (64 * power))

    def one_of(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[self.below(len(items))]
