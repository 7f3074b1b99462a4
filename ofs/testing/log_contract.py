"""What every EventLog must do. `check_event_log` runs all of it and raises ContractBroken at the first difference.

The factory gets the records that the log must hold and gives the log. Offsets and log timestamps are those of the
records where the log lets one choose them (see LogTraits), else the log's own, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ofs.canonical.content import ContentDigest
from ofs.errors import SourceError
from ofs.ports import EventLog, PartitionInfo, RecordBatch
from ofs.sources.memory import Record
from ofs.testing.broken import ContractBroken, expect, expect_raises
from ofs.units import OffsetRange

STREAM = "contract.events"
_MS_US = 1000

LogFactory = Callable[[str, Mapping[int, Sequence[Record]]], EventLog]
"""(stream, partition to records in order) -> a log that holds exactly these, all readable."""


@dataclass(frozen=True, slots=True)
class LogTraits:
    """What a log can do. `chosen_offsets`: records keep the offsets given; `chosen_times`: their log timestamps.

    `awaits_end`: a span beyond the end is awaited for long, so that it is not tried here.
    """

    chosen_offsets: bool = True
    chosen_times: bool = True
    awaits_end: bool = False


def contract_records() -> dict[int, list[Record]]:
    """Three partitions: odd bytes, nulls, headers and holes; an empty one; one of some thousand records."""
    odd = [
        Record(b'{"a":1}', key=b"k", log_ts_us=5_000_000),
        Record(None, key=b"tombstone", log_ts_us=4_000_000),
        Record(b"", key=None, log_ts_us=6_000_000, offset=5),
        Record(b"\x00\xff\xfe", key=b"", log_ts_us=6_000_000, headers=(("h", b"1"), ("h", None), ("é", b""))),
        Record("ü€𝄞".encode(), key=b"\xff", log_ts_us=9_000_000, offset=4096),
    ]
    many = [
        Record(b'{"n":%d}' % number, key=b"%d" % (number % 7), log_ts_us=1_000_000 + number * _MS_US)
        for number in range(5000)
    ]
    return {0: odd, 1: [], 2: many}


def check_event_log(factory: LogFactory, traits: LogTraits | None = None) -> None:
    """Run every check over one log."""
    wanted = contract_records()
    log = factory(STREAM, wanted)
    try:
        run = _Run(log, wanted, LogTraits() if traits is None else traits)
        run.unknown()
        run.described()
        run.read_whole()
        run.read_in_any_batches()
        run.read_parts()
        run.read_outside()
        run.found_by_time()
    finally:
        log.close()
    log.close()


class _Run:
    """The checks over one log that holds `wanted`."""

    def __init__(self, log: EventLog, wanted: dict[int, list[Record]], traits: LogTraits) -> None:
        self.log = log
        self.wanted = wanted
        self.traits = traits

    def unknown(self) -> None:
        """A stream that is not there is None."""
        expect("unknown stream", None, self.log.describe("no.such.stream"))

    def described(self) -> None:
        """Partitions are numbered from 0, ranges go from low to end, the first log timestamp is the first record's."""
        info = self.log.describe(STREAM)
        if info is None:
            raise ContractBroken("the stream is not described")
        expect("stream", STREAM, info.stream)
        expect("partitions", [0, 1, 2], [part.partition for part in info.partitions])
        if info.compacted:
            raise ContractBroken("the stream is described as compacted")
        for part in info.partitions:
            records = self.wanted[part.partition]
            if not records:
                expect("ranges of an empty partition", (), part.ranges)
                expect("first log timestamp of an empty partition", None, part.first_log_ts_us)
                continue
            expect("low", part.low, part.ranges[0].start)
            expect("end", part.end, part.ranges[-1].end)
            expect("first log timestamp", self._first_read(part).log_ts_us[0], part.first_log_ts_us)

    def read_whole(self) -> None:
        """Every record is delivered once, in order, with its bytes, headers and times as they were."""
        for partition, records in self.wanted.items():
            batch = self._read(partition, self._part(partition), 1000)
            expect(f"{partition}: values", [record.value for record in records], batch.values)
            expect(f"{partition}: keys", [record.key for record in records], batch.keys)
            headers = [[]] * len(batch) if batch.headers is None else batch.headers
            expect(f"{partition}: headers", [list(record.headers) for record in records], headers)
            expect(f"{partition}: ascending offsets", sorted(set(batch.offsets)), batch.offsets)
            if self.traits.chosen_times:
                expect(f"{partition}: times", [record.log_ts_us for record in records], batch.log_ts_us)
            if self.traits.chosen_offsets:
                expect(f"{partition}: offsets", _offsets(records), batch.offsets)
                root = "" if not batch else _digest(batch).root()
                again = "" if not batch else _digest(self._read(partition, self._part(partition), 7)).root()
                expect(f"{partition}: content digest", root, again)

    def read_in_any_batches(self) -> None:
        """The records do not depend on the batch size, and no batch is empty or larger than asked for."""
        part = self._part(2)
        whole = self._read(2, part, 100_000)
        for size in (1, 7, 1000, 4096):
            span = OffsetRange(part.low, min(part.end, part.low + 300) if size == 1 else part.end)
            offsets: list[int] = []
            for batch in self.log.read(STREAM, 2, span, size):
                if not 1 <= len(batch) <= size:
                    raise ContractBroken(f"a batch of {len(batch)} records where 1 to {size} were asked for")
                offsets += batch.offsets
            expect(f"batches of {size}", [o for o in whole.offsets if o < span.end], offsets)

    def read_parts(self) -> None:
        """Any split of a range gives the whole; an empty range gives nothing; a range of holes gives nothing."""
        part = self._part(2)
        whole = self._read(2, part, 1000)
        for middle in (part.low, part.low + 1, (part.low + part.end) // 2, part.end - 1, part.end):
            left = self._span(2, OffsetRange(part.low, middle), 333)
            right = self._span(2, OffsetRange(middle, part.end), 333)
            expect(f"split at {middle}", whole.offsets, left.offsets + right.offsets)
            expect(f"values split at {middle}", whole.values, left.values + right.values)
        empty = self._part(1)
        expect("empty range", 0, len(self._span(1, OffsetRange(empty.low, empty.low), 10)))
        if self.traits.chosen_offsets:
            expect("range of holes", 0, len(self._span(0, OffsetRange(2, 5), 10)))

    def read_outside(self) -> None:
        """A range that is not all there is a SourceError, and so is a partition that is not there."""
        end = self._part(2).end
        expect_raises(
            "no such partition",
            SourceError,
            lambda: list(self.log.read(STREAM, 99, OffsetRange(0, 1), 10)),
        )
        if not self.traits.awaits_end:
            beyond = OffsetRange(end - 1, end + 1)
            expect_raises("beyond the end", SourceError, lambda: list(self.log.read(STREAM, 2, beyond, 10)))

    def found_by_time(self) -> None:
        """offset_at gives the first offset whose log timestamp is at or after the time, monotone or not."""
        for partition in self.wanted:
            batch = self._read(partition, self._part(partition), 1000)
            times = sorted(set(batch.log_ts_us))
            for time_us in [0, *times[:3], *times[-2:], *(time + 1 for time in times[-3:])]:
                expected = next(
                    (o for o, at in zip(batch.offsets, batch.log_ts_us, strict=True) if at >= time_us), None
                )
                found = self.log.offset_at(STREAM, partition, time_us)
                expect(f"{partition}: offset at {time_us}", expected, found)

    def _part(self, partition: int) -> PartitionInfo:
        info = self.log.describe(STREAM)
        if info is None:
            raise ContractBroken("the stream is not described")
        return info.partitions[partition]

    def _first_read(self, part: PartitionInfo) -> RecordBatch:
        return next(iter(self.log.read(STREAM, part.partition, OffsetRange(part.low, part.end), 1)))

    def _read(self, partition: int, part: PartitionInfo, size: int) -> RecordBatch:
        return self._span(partition, OffsetRange(part.low, part.end), size)

    def _span(self, partition: int, span: OffsetRange, size: int) -> RecordBatch:
        whole = RecordBatch(STREAM, partition, [], [], [], [], [], None)
        headers: list[list[tuple[str, bytes | None]]] = []
        for batch in self.log.read(STREAM, partition, span, size):
            expect("stream and partition of a batch", (STREAM, partition), (batch.stream, batch.partition))
            whole.offsets.extend(batch.offsets)
            whole.log_ts_us.extend(batch.log_ts_us)
            whole.ts_types.extend(batch.ts_types)
            whole.keys.extend(batch.keys)
            whole.values.extend(batch.values)
            headers += [[] for _ in batch.offsets] if batch.headers is None else batch.headers
        return replace(whole, headers=headers if any(headers) else None)


def _offsets(records: Sequence[Record]) -> list[int]:
    offsets: list[int] = []
    for record in records:
        following = offsets[-1] + 1 if offsets else 0
        offsets.append(following if record.offset is None else record.offset)
    return offsets


def _digest(batch: RecordBatch) -> ContentDigest:
    digest = ContentDigest()
    digest.update(batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers)
    return digest
