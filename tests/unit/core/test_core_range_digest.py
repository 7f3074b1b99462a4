"""`RangeDigest`, against a recomputation from the format's description."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs import _core
from ofs.ports import Header

Record = tuple[int, int, int, bytes | None, bytes | None, list[Header]]

_FIELDS = st.none() | st.binary(max_size=6)
_HEADERS = st.lists(st.tuples(st.text(max_size=3), _FIELDS), max_size=2)
_OFFSETS = st.lists(st.integers(0, 40_000), unique=True, max_size=30).map(sorted)
_RESTS = st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2), _FIELDS, _FIELDS, _HEADERS)


@st.composite
def ranges(draw: st.DrawFn) -> list[Record]:
    return [(offset, *draw(_RESTS)) for offset in draw(_OFFSETS)]


def framed(data: bytes | None) -> bytes:
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def record_hash(record: Record) -> bytes:
    offset, log_ts_us, ts_type, key, value, headers = record
    out = b"ofs-record/v1\0" + struct.pack(">qqB", offset, log_ts_us, ts_type) + framed(key) + framed(value)
    out += struct.pack(">I", len(headers))
    for name, content in headers:
        out += struct.pack(">I", len(name.encode())) + name.encode() + framed(content)
    return hashlib.sha256(out).digest()


def block_list(records: list[Record]) -> list[tuple[int, int, str]]:
    blocks: dict[int, list[bytes]] = {}
    for record in records:
        blocks.setdefault(record[0] // 4096, []).append(record_hash(record))
    return [
        (
            block,
            len(hashes),
            hashlib.sha256(b"\0" + struct.pack(">QI", block, len(hashes)) + b"".join(hashes)).hexdigest(),
        )
        for block, hashes in blocks.items()
    ]


def root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:left]) + root(leaves[left:])).digest()


def feed(digest: _core.RangeDigest, records: list[Record], *, headers: bool = True) -> None:
    columns = [list(column) for column in zip(*records, strict=True)] or [[], [], [], [], [], []]
    offsets, log_ts_us, ts_types, keys, values, all_headers = columns
    digest.update(offsets, log_ts_us, ts_types, keys, values, all_headers if headers else None)


@given(ranges(), st.integers(0, 30), st.integers(0, 30))
def test_digest_equals_recomputation_when_fed_in_parts(records: list[Record], split: int, stop: int) -> None:
    """Blocks and root follow the format, whatever the batches and wherever the state was carried over."""
    digest = _core.RangeDigest()
    feed(digest, records[:split])
    digest = _core.RangeDigest.restore(digest.state())
    feed(digest, records[split : split + stop])
    feed(digest, records[split + stop :])
    expected = block_list(records)
    assert digest.blocks() == expected
    assert digest.root() == root([bytes.fromhex(leaf) for _, _, leaf in expected]).hex()


def test_digest_of_records_without_headers_needs_no_header_column() -> None:
    """No header column is the same as an empty list a record."""
    records: list[Record] = [(1, 2, 1, b"k", None, []), (9000, 3, 0, None, b"v", [])]
    with_column, without = _core.RangeDigest(), _core.RangeDigest()
    feed(with_column, records)
    feed(without, records, headers=False)
    assert with_column.root() == without.root()
    assert without.blocks() == block_list(records)


def test_digest_refuses_offsets_that_do_not_follow() -> None:
    """Offsets below the last, twice or negative raise ValueError and change nothing."""
    digest = _core.RangeDigest()
    feed(digest, [(7, 0, 1, None, b"v", [])])
    before = digest.state()
    for offsets in ([7], [6], [8, 8], [9, 8], [-1]):
        with pytest.raises(ValueError, match="ascending"):
            feed(digest, [(offset, 0, 1, None, b"v", []) for offset in offsets])
    assert digest.state() == before


def test_digest_refuses_columns_of_unequal_length() -> None:
    """A column that is too short raises ValueError."""
    with pytest.raises(ValueError, match="length"):
        _core.RangeDigest().update([1, 2], [0, 0], [0, 0], [None, None], [None], None)


def test_digest_refuses_a_foreign_state() -> None:
    """Bytes that no digest wrote raise ValueError."""
    for state in (b"", b"x" * 28, _core.RangeDigest().state()[:-1], _core.RangeDigest().state() + b"\0"):
        with pytest.raises(ValueError, match="state"):
            _core.RangeDigest.restore(state)
