"""A log restricted to a replay basis."""

from __future__ import annotations

import pytest

from ofs.errors import SourceError
from ofs.sources.bounded import BoundedLog
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange


def _log() -> MemoryLog:
    log = MemoryLog()
    for partition in (0, 1):
        log.append("s", partition, *(Record(b"%d" % n, log_ts_us=n % 7) for n in range(20)))
    log.append("t", 0, Record(b"x"))
    return log


def test_only_the_basis_is_described() -> None:
    """Ranges are cut, unnamed partitions hold nothing, unnamed streams are unknown, the hidden first time is told."""
    log = BoundedLog(_log(), {"s": {1: OffsetRange(5, 30)}})
    info = log.describe("s")
    assert info is not None
    zero, one = info.partitions
    assert (zero.ranges, zero.low, zero.end) == ((), 0, 0)
    assert (one.ranges, one.low, one.end) == ((OffsetRange(5, 20),), 5, 20)
    assert (one.first_log_ts_us, one.outside_log_ts_us) == (5, 0)
    assert (zero.first_log_ts_us, zero.outside_log_ts_us) == (None, 0)
    assert log.describe("t") is None
    assert BoundedLog(_log(), {"u": {}}).describe("u") is None


def test_reading_outside_the_basis_raises() -> None:
    """One offset outside is a SourceError at once."""
    log = BoundedLog(_log(), {"s": {1: OffsetRange(5, 10)}})
    assert [v for b in log.read("s", 1, OffsetRange(5, 7), 9) for v in b.values] == [b"5", b"6"]
    for partition, span in ((1, OffsetRange(4, 6)), (1, OffsetRange(9, 11)), (0, OffsetRange(5, 6))):
        with pytest.raises(SourceError, match="outside the replay basis"):
            log.read("s", partition, span, 9)


@pytest.mark.parametrize(
    ("time_us", "expected"),
    [(0, 8), (1, 8), (2, 9), (6, 13), (7, None)],
)
def test_offset_at_is_the_first_inside_the_basis(time_us: int, expected: int | None) -> None:
    """Times are not monotone: an earlier hit outside says nothing about the first one inside."""
    log = BoundedLog(_log(), {"s": {0: OffsetRange(8, 15)}})
    assert log.offset_at("s", 0, time_us) == expected
    assert log.offset_at("s", 1, time_us) is None


def test_offset_at_looks_no_further_than_the_log_goes() -> None:
    """A basis may end beyond the log's end: what is not there yet is not read."""
    log = BoundedLog(_log(), {"s": {0: OffsetRange(8, 1_000)}})
    assert log.offset_at("s", 0, 6) == 13
    log = BoundedLog(_log(), {"s": {0: OffsetRange(14, 1_000)}})
    assert log.offset_at("s", 0, 6) is None


def test_offset_at_beyond_the_basis_is_none() -> None:
    """A time that is reached only after the basis is not found."""
    log = BoundedLog(_log(), {"s": {0: OffsetRange(0, 4)}})
    assert log.offset_at("s", 0, 3) == 3
    assert log.offset_at("s", 0, 4) is None
