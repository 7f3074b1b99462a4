"""Records of an output: cut and paired without losing or mixing any."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofs.ports import OutputRecords

PAIRS = st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=9)), max_size=20)


@given(PAIRS)
def test_pairs_are_the_records_in_order(pairs: list[tuple[str, bytes]]) -> None:
    """As they were given."""
    assert OutputRecords.of(pairs).pairs() == pairs


@given(PAIRS, st.integers(0, 25), st.integers(0, 25))
def test_a_slice_holds_what_lies_between(pairs: list[tuple[str, bytes]], first: int, end: int) -> None:
    """As a slice of a list."""
    assert OutputRecords.of(pairs).slice(first, end).pairs() == pairs[first:end]
