"""Broker and archive as one log: seams, gaps, contradictions, retention that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ofs.canonical.content import BLOCK_OFFSETS
from ofs.errors import ArchiveError, SourceError
from ofs.ports import RecordBatch
from ofs.sources.archive import ArchiveLog, export, import_ndjson
from ofs.sources.logical import LogicalLog
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange


def _append(log: MemoryLog, count: int, partition: int = 0, value: bytes = b"v%d") -> None:
    info = log.describe("s")
    assert info is not None
    end = info.partitions[partition].end
    log.append("s", partition, *(Record(value % n, log_ts_us=n) for n in range(end, end + count)))


def _log(count: int) -> MemoryLog:
    log = MemoryLog()
    log.create("s", 1)
    _append(log, count)
    return log


def _values(log: LogicalLog, start: int, end: int, partition: int = 0) -> list[bytes | None]:
    return [
        value for batch in log.read("s", partition, OffsetRange(start, end), 100) for value in batch.values
    ]


def _imported(root: Path, start: int, end: int, value: str = "v%d") -> ArchiveLog:
    lines = [
        f'{{"partition":0,"offset":{n},"timestamp_us":{n},"value":"{value % n}"}}'.encode()
        for n in range(start, end)
    ]
    import_ndjson(lines, "s", root)
    return ArchiveLog(root)


def test_removed_head_comes_from_the_archive(tmp_path: Path) -> None:
    """What retention removed is read from the archive, the rest from the broker; the description shows both."""
    broker = _log(100)
    export(broker, "s", tmp_path)
    _append(broker, 50)
    broker.delete_records("s", 0, 60)
    log = LogicalLog(broker, ArchiveLog(tmp_path))
    info = log.describe("s")
    assert info is not None
    part = info.partitions[0]
    assert (part.low, part.end, part.ranges) == (0, 150, (OffsetRange(0, 150),))
    assert (part.first_log_ts_us, part.broker) == (0, OffsetRange(60, 150))
    assert _values(log, 0, 150) == [b"v%d" % n for n in range(150)]
    assert log.offset_at("s", 0, 30) == 30
    assert log.offset_at("s", 0, 120) == 120


def test_gap_between_archive_and_broker_shows_and_is_never_read_over(tmp_path: Path) -> None:
    """A gap is two ranges; a read over it fails at its first offset."""
    broker = _log(40)
    export(broker, "s", tmp_path)
    _append(broker, 60)
    broker.delete_records("s", 0, 70)
    log = LogicalLog(broker, ArchiveLog(tmp_path))
    info = log.describe("s")
    assert info is not None
    assert info.partitions[0].ranges == (OffsetRange(0, 40), OffsetRange(70, 100))
    with pytest.raises(SourceError, match="offset 40 is neither"):
        _values(log, 30, 80)


def test_stream_that_only_one_of_both_has_is_that_one(tmp_path: Path) -> None:
    """Broker alone, archive alone, neither."""
    archive = _imported(tmp_path, 0, 5)
    only_archive = LogicalLog(MemoryLog(), archive)
    assert only_archive.describe("s") == archive.describe("s")
    assert _values(only_archive, 1, 3) == [b"v1", b"v2"]
    assert only_archive.offset_at("s", 0, 3) == 3
    broker = _log(5)
    only_broker = LogicalLog(broker, ArchiveLog(tmp_path / "none"))
    assert only_broker.describe("s") == broker.describe("s")
    assert _values(only_broker, 1, 3) == [b"v1", b"v2"]
    assert only_broker.describe("other") is None


def test_archive_of_a_recreated_topic_is_refused(tmp_path: Path) -> None:
    """Topic ids that are both known must agree."""
    broker = _log(10)
    export(broker, "s", tmp_path)
    broker.recreate("s")
    _append(broker, 20)
    with pytest.raises(ArchiveError, match="topic id"):
        LogicalLog(broker, ArchiveLog(tmp_path)).describe("s")


def test_archive_that_ends_beyond_the_broker_is_refused(tmp_path: Path) -> None:
    """A broker cannot know less of the end than its archive."""
    with pytest.raises(ArchiveError, match="the archive ends at 11, the broker already at 10"):
        LogicalLog(_log(10), _imported(tmp_path, 0, 11)).describe("s")


def test_contradiction_at_the_seam_is_found_by_the_description(tmp_path: Path) -> None:
    """An archive without a topic id is compared with the broker before anything is read."""
    log = LogicalLog(_log(100), _imported(tmp_path, 0, 50, value="other%d"))
    with pytest.raises(ArchiveError, match=r"s/0: block 0 .*the archive holds 50 records"):
        log.describe("s")


@pytest.mark.parametrize("position", [1, BLOCK_OFFSETS + 3, 2 * BLOCK_OFFSETS - 1])
@pytest.mark.parametrize("low", [0, 1])
def test_contradiction_anywhere_in_what_is_read_is_found(position: int, low: int, tmp_path: Path) -> None:
    """One other byte in a block of the overlap that is read is an ArchiveError that names the block."""
    count = 3 * BLOCK_OFFSETS
    lines = [
        f'{{"partition":0,"offset":{n},"timestamp_us":{n},"value":"v{n}{"!" if n == position else ""}"}}'.encode()
        for n in range(count)
    ]
    import_ndjson(lines, "s", tmp_path)
    broker = _log(count)
    broker.delete_records("s", 0, low)
    log = LogicalLog(broker, ArchiveLog(tmp_path))
    assert log.describe("s") is not None
    with pytest.raises(ArchiveError, match=rf"s/0: block {position // BLOCK_OFFSETS} "):
        _values(log, 0, count)


def test_agreeing_overlap_is_read_whole(tmp_path: Path) -> None:
    """An import with the broker's bytes and times joins on, from any start."""
    count = 2 * BLOCK_OFFSETS + 10
    broker = _log(count + 20)
    broker.delete_records("s", 0, 100)
    log = LogicalLog(broker, _imported(tmp_path, 0, count))
    for start in (0, 99, 100, 101, BLOCK_OFFSETS, count - 1, count, count + 5):
        assert _values(log, start, count + 20) == [b"v%d" % n for n in range(start, count + 20)]


def test_retention_that_goes_on_while_reading_is_followed(tmp_path: Path) -> None:
    """Where the broker has lost what it had at the description, the archive stands in."""
    broker = _log(100)
    export(broker, "s", tmp_path)
    broker.delete_records("s", 0, 10)
    log = LogicalLog(broker, ArchiveLog(tmp_path))
    log.describe("s")
    batches: Iterator[RecordBatch] = log.read("s", 0, OffsetRange(0, 100), 5)
    values = list(next(batches).values)
    broker.delete_records("s", 0, 60)
    values += [value for batch in batches for value in batch.values]
    assert values == [b"v%d" % n for n in range(100)]


def test_compacted_topic_is_readable_only_where_archived(tmp_path: Path) -> None:
    """Only archived ranges count as history; the flag stays."""
    broker = _log(20)
    export(broker, "s", tmp_path)
    _append(broker, 10)
    broker.compact("s")
    log = LogicalLog(broker, ArchiveLog(tmp_path))
    info = log.describe("s")
    assert info is not None
    assert info.compacted
    assert (info.partitions[0].ranges, info.partitions[0].end) == ((OffsetRange(0, 20),), 30)
    assert len(_values(log, 0, 20)) == 20
    assert log.offset_at("s", 0, 25) is None
    with pytest.raises(SourceError, match="offset 20 is neither"):
        _values(log, 0, 21)


def test_partitions_that_one_of_both_lacks_are_kept(tmp_path: Path) -> None:
    """The topic may have gained partitions since it was archived."""
    broker = _log(5)
    export(broker, "s", tmp_path)
    broker.append("s", 2, Record(b"new"))
    log = LogicalLog(broker, ArchiveLog(tmp_path))
    info = log.describe("s")
    assert info is not None
    assert [part.end for part in info.partitions] == [5, 0, 1]
    assert _values(log, 0, 1, partition=2) == [b"new"]


def test_timestamps_are_the_brokers_only_where_both_say_so(tmp_path: Path) -> None:
    """An archive of create times makes the whole stream one of create times."""
    import_ndjson([b'{"partition":0,"offset":0,"timestamp_us":0,"value":"v0"}'], "s", tmp_path, "create")
    broker = _log(2)
    broker.delete_records("s", 0, 1)
    info = LogicalLog(broker, ArchiveLog(tmp_path)).describe("s")
    assert info is not None
    assert not info.log_append
