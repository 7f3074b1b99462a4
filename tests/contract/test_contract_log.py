"""Every EventLog passes the same checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ofs.ports import EventLog, RecordBatch
from ofs.sources.archive import ArchiveLog, export
from ofs.sources.bounded import BoundedLog
from ofs.sources.logical import LogicalLog
from ofs.sources.memory import MemoryLog, Record
from ofs.testing.broken import ContractBroken
from ofs.testing.log_contract import check_event_log
from ofs.units import OffsetRange


def _memory(stream: str, records: Mapping[int, Sequence[Record]]) -> MemoryLog:
    log = MemoryLog()
    log.create(stream, len(records))
    for partition, appended in records.items():
        log.append(stream, partition, *appended)
    return log


def test_memory_log_keeps_its_contract() -> None:
    """MemoryLog is an EventLog."""
    check_event_log(_memory)


def test_archive_log_keeps_its_contract(tmp_path: Path) -> None:
    """An exported log is the log."""

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        export(_memory(stream, records), stream, tmp_path)
        return ArchiveLog(tmp_path)

    check_event_log(factory)


def test_archive_log_keeps_its_contract_when_exported_in_steps(tmp_path: Path) -> None:
    """An archive that was extended record by record and by thousands is the log."""

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        log = MemoryLog()
        log.create(stream, len(records))
        for step in (slice(0, 1), slice(1, 2), slice(2, 4100), slice(4100, None)):
            for partition, appended in records.items():
                log.append(stream, partition, *appended[step])
            export(log, stream, tmp_path)
        return ArchiveLog(tmp_path)

    check_event_log(factory)


@pytest.mark.parametrize("low", [0, 1, 2, 4, 4096, 4097, 5000])
@pytest.mark.parametrize("archived", [3, 4096, 4500])
def test_logical_log_keeps_its_contract(low: int, archived: int, tmp_path: Path) -> None:
    """Wherever retention has cut the broker and wherever the archive ends, both together are the log."""
    if low > archived:
        low = archived

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        log = MemoryLog()
        log.create(stream, len(records))
        end = dict.fromkeys(records, 0)
        waiting = {partition: list(appended) for partition, appended in records.items()}
        for partition, appended in waiting.items():
            while (
                appended and (end[partition] if appended[0].offset is None else appended[0].offset) < archived
            ):
                log.append(stream, partition, appended.pop(0))
                end[partition] += 1
            if records[partition]:
                log.advance(stream, partition, archived)
        export(log, stream, tmp_path)
        for partition, appended in waiting.items():
            log.append(stream, partition, *appended)
            log.delete_records(stream, partition, low)
        return LogicalLog(log, ArchiveLog(tmp_path))

    check_event_log(factory)


def test_bounded_log_keeps_its_contract() -> None:
    """A basis that holds everything changes nothing."""

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        log = _memory(stream, records)
        return BoundedLog(
            log, {stream: {0: OffsetRange(0, 4097), 1: OffsetRange(0, 0), 2: OffsetRange(0, 5000)}}
        )

    check_event_log(factory)


def test_contract_finds_a_log_that_drops_a_record() -> None:
    """The checks can fail: a log that loses one record of thousands does not pass."""

    class Lossy(MemoryLog):
        def read(
            self, stream: str, partition: int, span: OffsetRange, max_records: int
        ) -> Iterator[RecordBatch]:
            for batch in super().read(stream, partition, span, max_records):
                yield batch.slice(0, len(batch) - 1) if len(batch) == 1000 else batch

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        log = Lossy()
        for partition, appended in records.items():
            log.append(stream, partition, *appended)
        return log

    with pytest.raises(ContractBroken):
        check_event_log(factory)
