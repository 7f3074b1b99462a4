"""MemoryLog beyond the contract: what a broker does to a log."""

from __future__ import annotations

import pytest

from ofs.errors import SourceError, UsageError
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange


def _log(count: int = 10) -> MemoryLog:
    log = MemoryLog()
    log.append("s", 0, *(Record(b"%d" % number, log_ts_us=number) for number in range(count)))
    return log


def _values(log: MemoryLog, start: int, end: int) -> list[bytes | None]:
    return [value for batch in log.read("s", 0, OffsetRange(start, end), 3) for value in batch.values]


def test_reading_below_the_low_watermark_raises() -> None:
    """What retention removed is a SourceError, and the description moves on."""
    log = _log()
    log.delete_records("s", 0, 4)
    info = log.describe("s")
    assert info is not None
    assert info.partitions[0].ranges == (OffsetRange(4, 10),)
    assert info.partitions[0].first_log_ts_us == 4
    with pytest.raises(SourceError, match=r"\[3, 10\) is not there, only \[4, 10\)"):
        _values(log, 3, 10)
    assert _values(log, 4, 10) == [b"4", b"5", b"6", b"7", b"8", b"9"]


def test_reading_raises_when_retention_overtakes_it() -> None:
    """Records removed between two batches are never skipped silently."""
    log = _log()
    batches = log.read("s", 0, OffsetRange(0, 10), 3)
    next(batches)
    log.delete_records("s", 0, 5)
    with pytest.raises(SourceError, match="offset 3 was removed"):
        list(batches)


def test_offsets_at_the_end_deliver_nothing_after_advance() -> None:
    """Control records and aborted ones move the end and are not delivered."""
    log = _log(2)
    log.advance("s", 0, 6)
    info = log.describe("s")
    assert info is not None
    assert info.partitions[0].ranges == (OffsetRange(0, 6),)
    assert _values(log, 0, 6) == [b"0", b"1"]
    log.append("s", 0, Record(b"next"))
    assert _values(log, 6, 7) == [b"next"]


def test_recreated_stream_has_another_topic_id_and_nothing_in_it() -> None:
    """The same name is another topic."""
    log = _log()
    before = log.describe("s")
    log.recreate("s")
    after = log.describe("s")
    assert before is not None
    assert after is not None
    assert before.topic_id != after.topic_id
    assert after.partitions[0].ranges == ()


def test_compacted_stream_has_no_readable_ranges() -> None:
    """What is left of a compacted stream is not shown as history."""
    log = _log()
    log.compact("s")
    info = log.describe("s")
    assert info is not None
    assert info.compacted
    assert info.partitions[0].ranges == ()
    assert info.partitions[0].end == 10
    with pytest.raises(SourceError, match="compacted"):
        _values(log, 0, 1)


def test_timestamps_follow_the_stream_unless_the_record_says_otherwise() -> None:
    """ts_type is log-append or create as the stream was made."""
    log = MemoryLog()
    log.create("s", log_append=False)
    log.append("s", 0, Record(b"a"), Record(b"b", ts_type=0))
    assert [batch.ts_types for batch in log.read("s", 0, OffsetRange(0, 2), 5)] == [[1, 0]]


def test_append_refuses_an_offset_below_the_end() -> None:
    """Offsets only ascend."""
    log = _log(3)
    with pytest.raises(UsageError, match="offset 2 is below the end 3"):
        log.append("s", 0, Record(b"x", offset=2))
