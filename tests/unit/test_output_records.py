"""Records of an output: cut, paired and digested without losing or mixing any."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from ofs.packed import Packed
from ofs.ports import OutputDigest, OutputRecords

PAIRS = st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=9)), max_size=20)
STRINGS = st.lists(st.binary(max_size=9), max_size=20)
INDEX = st.integers(0, 25)


@given(PAIRS)
def test_pairs_are_the_records_in_order(pairs: list[tuple[str, bytes]]) -> None:
    """As they were given."""
    assert OutputRecords.of(pairs).pairs() == pairs


@given(PAIRS, INDEX, INDEX)
def test_a_slice_holds_what_lies_between(pairs: list[tuple[str, bytes]], first: int, end: int) -> None:
    """As a slice of a list, and its digest is that of its own lines."""
    records, digest = OutputRecords.of(pairs).slice(first, end), OutputDigest()
    assert records.pairs() == pairs[first:end]
    assert len(records) == len(pairs[first:end])
    digest.add(records)
    lines = b"".join(text + b"\n" for _, text in pairs[first:end])
    assert digest.to_dict() == {"records": len(records), "sha256": hashlib.sha256(lines).hexdigest()}


@given(STRINGS, INDEX, INDEX, INDEX, INDEX)
def test_packed_strings_are_sliced_as_a_list(
    strings: list[bytes], first: int, end: int, again: int, end_again: int
) -> None:
    """A slice of a slice, too."""
    packed, expected = Packed.of(strings).slice(first, end), strings[first:end]
    for found, wanted in (
        (packed, expected),
        (packed.slice(again, end_again), expected[again:end_again]),
    ):
        assert list(found) == wanted
        assert len(found) == len(wanted)
        assert found.lengths() == [len(string) for string in wanted]
        assert bytes(found.joined()) == b"".join(wanted)
