"""Which checkpoints of a state are kept: all of the newest, then fewer the further back they lie."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

KEEP: Final = 3
"""How many of the newest are all kept where nothing else is said."""


def superfluous(frontiers: Iterable[int], keep: int = KEEP) -> list[int]:
    """The frontiers of the checkpoints to remove, ascending.

    Kept are the newest `keep`, and of those behind, at distance d from the newest, each that is the first in its
    aligned stretch of 2^k offsets, where 2^k is the largest power of two that is not above d. So at most two stand at
    each power of two of distance. The stretches are aligned so that thinning out again and again never loses the way
    back: for each checkpoint that ever was, one is left that is at most three times as far back.
    Bounds: keep >= 1.
    """
    ordered = sorted(set(frontiers))
    return [frontier for frontier in ordered[:-keep] if not _is_first(ordered, frontier)]


def _is_first(ordered: list[int], frontier: int) -> bool:
    level = (ordered[-1] - frontier).bit_length() - 1
    stretch_start = frontier >> level << level
    return ordered[bisect_left(ordered, stretch_start)] == frontier
