"""Which checkpoints stay: all of the newest, one or two at each power of two of distance, and always a way back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.state.policy import superfluous

CUTS = st.lists(st.integers(0, 2**20) | st.integers(0, 2**62), max_size=60, unique=True)


def kept(frontiers: list[int], keep: int) -> list[int]:
    """What stays, ascending."""
    return sorted(set(frontiers) - set(superfluous(frontiers, keep)))


@pytest.mark.parametrize(
    ("frontiers", "keep", "removed"),
    [
        ([], 3, []),
        ([5], 1, []),
        ([1, 2, 3], 3, []),
        (list(range(17)), 1, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13]),
        (list(range(17)), 4, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]),
        (list(range(17)), 17, []),
        ([0, 1_000_000], 1, []),
    ],
)
def test_what_is_removed_by_hand(frontiers: list[int], keep: int, removed: list[int]) -> None:
    """The first of each aligned stretch stays, whose length is the power of two within the distance."""
    assert superfluous(frontiers, keep) == removed
    assert superfluous(reversed(frontiers), keep) == removed


@given(CUTS, st.integers(1, 8))
def test_the_newest_and_the_first_stay_and_few_between(frontiers: list[int], keep: int) -> None:
    """The newest `keep` and the very first are kept, and at most two from a power of two of distance to the next."""
    left = kept(frontiers, keep)
    newest = sorted(frontiers)[-keep:]
    assert set(newest) <= set(left)
    assert set(sorted(frontiers)[:1]) <= set(left)
    levels = Counter((max(left) - frontier).bit_length() for frontier in left if frontier not in newest)
    assert all(number <= 2 for number in levels.values())


@given(CUTS, st.integers(1, 8))
def test_thinning_out_twice_removes_nothing_more(frontiers: list[int], keep: int) -> None:
    """What is kept is kept again."""
    assert superfluous(kept(frontiers, keep), keep) == []


@given(CUTS, st.integers(1, 4))
def test_there_is_always_a_way_back(frontiers: list[int], keep: int) -> None:
    """However often it is thinned out, for every one that ever was, one is left at most three times as far back."""
    left: list[int] = []
    for number, newest in enumerate(sorted(frontiers)):
        left = kept([*left, newest], keep)
        for once in sorted(frontiers)[: number + 1]:
            nearest = max(frontier for frontier in left if frontier <= once)
            assert newest - nearest <= 3 * (newest - once)
