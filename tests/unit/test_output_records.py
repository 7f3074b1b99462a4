"""Records of an output: cut and paired without losing or mixing any."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofs.ports import OutputRecords

PAIRS = st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=9)), max_size=20)


@given(PAIRS, st.integers(1, 25))
def test_batches_are_the_records_in_order(pairs: list[tuple[str, bytes]], size: int) -> None:
    """Every batch but the last is as long as asked for, and together they are the records."""
    batches = list(OutputRecords.of(pairs).batches(size))
    assert [pair for batch in batches for pair in batch] == pairs
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(batches)


@given(PAIRS, st.integers(0, 25), st.integers(0, 25))
def test_a_slice_holds_what_lies_between(pairs: list[tuple[str, bytes]], first: int, end: int) -> None:
    """As a slice of a list."""
    assert OutputRecords.of(pairs).slice(first, end).pairs() == pairs[first:end]
