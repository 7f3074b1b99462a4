"""One logical stream over a broker and its archive: what retention has removed comes from the archive.

Where both hold an offset they must hold the same record. Every block that is read from the broker where the archive
has it too is compared by content digest; and when the stream is described, one block of the overlap, so that an archive
of another topic is found before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ofs.canonical.content import BLOCK_OFFSETS, new_content_digest
from ofs.errors import ArchiveError, SourceError
from ofs.ports import EventLog, PartitionInfo, RecordBatch, StreamInfo
from ofs.sources.archive import ArchiveLog
from ofs.units import OffsetRange, merge_ranges

_COMPARE_RECORDS: Final = 4096
_HINT: Final = "the archive is of another topic, or one of the two is damaged"


class LogicalLog:
    """EventLog over a broker and an archive of the same streams; either may lack a stream. Closes both."""

    def __init__(self, broker: EventLog, archive: ArchiveLog) -> None:
        self._broker = broker
        self._archive = archive
        self._compared: set[tuple[str, int, OffsetRange]] = set()

    def describe(self, stream: str) -> StreamInfo | None:
        """Both together, see EventLog. Raises ArchiveError where they contradict each other."""
        live = self._broker.describe(stream)
        archived = self._archive.describe(stream)
        if live is None or archived is None:
            return live if archived is None else archived
        if live.topic_id is not None and archived.topic_id not in (None, live.topic_id):
            raise ArchiveError(
                f"stream {stream}: the broker's topic id is {live.topic_id}, the archive's {archived.topic_id}",
                hint="the topic was created anew, or the archive is of another one",
            )
        partitions = _paired(live, archived)
        for broker_part, archive_part in partitions:
            if broker_part is not None and archive_part is not None:
                self._check_overlap(stream, broker_part, archive_part, compacted=live.compacted)
        return replace(
            live,
            log_append=live.log_append and archived.log_append,
            partitions=tuple(_merged(b, a, compacted=live.compacted) for b, a in partitions),
        )

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """The records of `span` from where they are, see EventLog; retention may go on meanwhile.

        Raises ArchiveError where broker and archive differ, SourceError where an offset is in neither.
        """
        position = span.start
        while position < span.end:
            broker_range, archive_ranges = self._where(stream, partition)
            rest = OffsetRange(position, span.end)
            part = broker_range.intersection(rest) if broker_range is not None else None
            if part is not None and part.start == position:
                yield from self._read_broker(stream, partition, part, archive_ranges, max_records)
            else:
                covered = [both for held in archive_ranges if (both := held.intersection(rest)) is not None]
                if not covered or covered[0].start != position:
                    raise SourceError(
                        f"{stream}/{partition}: offset {position} is neither in the broker nor in the archive"
                    )
                end = covered[0].end if part is None else min(covered[0].end, part.start)
                part = OffsetRange(position, end)
                yield from self._archive.read(stream, partition, part, max_records)
            position = part.end

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The first readable offset whose log timestamp is at or after the time; None where there is none."""
        found = []
        live = self._broker.describe(stream)
        if live is not None and not live.compacted and partition < len(live.partitions):
            found.append(self._broker.offset_at(stream, partition, log_ts_us))
        archived = self._archive.describe(stream)
        if archived is not None and partition < len(archived.partitions):
            found.append(self._archive.offset_at(stream, partition, log_ts_us))
        return min((offset for offset in found if offset is not None), default=None)

    def close(self) -> None:
        """Close broker and archive."""
        self._broker.close()
        self._archive.close()

    def _where(self, stream: str, partition: int) -> tuple[OffsetRange | None, tuple[OffsetRange, ...]]:
        """What the broker and the archive hold of the partition now."""
        live, archived = self._broker.describe(stream), self._archive.describe(stream)
        broker_part = _part(live, partition)
        archive_part = _part(archived, partition)
        usable = broker_part is not None and live is not None and not live.compacted
        broker_range = broker_part.ranges[0] if usable and broker_part and broker_part.ranges else None
        return broker_range, archive_part.ranges if archive_part is not None else ()

    def _read_broker(
        self,
        stream: str,
        partition: int,
        span: OffsetRange,
        archive_ranges: tuple[OffsetRange, ...],
        max_records: int,
    ) -> Iterator[RecordBatch]:
        """Read from the broker and take the digest of what the archive holds too; compare at the end."""
        shared = [both for held in archive_ranges if (both := held.intersection(span)) is not None]
        digests = [new_content_digest() for _ in shared]
        for batch in self._broker.read(stream, partition, span, max_records):
            for held, digest in zip(shared, digests, strict=True):
                part = _within(batch, held)
                digest.update(
                    part.offsets, part.log_ts_us, part.ts_types, part.keys, part.values, part.headers
                )
            yield batch
        for held, digest in zip(shared, digests, strict=True):
            self._compare(stream, partition, held, digest.blocks())

    def _check_overlap(
        self, stream: str, live: PartitionInfo, archived: PartitionInfo, *, compacted: bool
    ) -> None:
        where = f"{stream}/{live.partition}"
        if archived.end > live.end:
            raise ArchiveError(
                f"{where}: the archive ends at {archived.end}, the broker already at {live.end}", hint=_HINT
            )
        if compacted or live.broker is None:
            return
        shared = [both for held in archived.ranges if (both := held.intersection(live.broker)) is not None]
        if not shared:
            return
        last = shared[-1]
        sample = OffsetRange(max(last.start, _blocks_below(last.end)[-1] * BLOCK_OFFSETS), last.end)
        if (stream, live.partition, sample) in self._compared:
            return
        digest = new_content_digest()
        for batch in self._broker.read(stream, live.partition, sample, _COMPARE_RECORDS):
            digest.update(
                batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers
            )
        self._compare(stream, live.partition, sample, digest.blocks())
        self._compared.add((stream, live.partition, sample))

    def _compare(
        self, stream: str, partition: int, span: OffsetRange, found: list[tuple[int, int, str]]
    ) -> None:
        """Raises ArchiveError where the archive's blocks inside `span` are not these."""
        expected = dict(self._archived_blocks(stream, partition, span))
        live = {block: (records, digest) for block, records, digest in found}
        for block in sorted(expected.keys() | live.keys()):
            if expected.get(block) != live.get(block):
                raise ArchiveError(
                    f"{stream}/{partition}: block {block} (offsets from {block * BLOCK_OFFSETS}): the archive holds "
                    f"{_named(expected.get(block))}, the broker {_named(live.get(block))}",
                    hint=_HINT,
                )

    def _archived_blocks(
        self, stream: str, partition: int, span: OffsetRange
    ) -> Iterator[tuple[int, tuple[int, str]]]:
        """The digests of whole blocks from the manifest; those that `span` cuts are taken from the records."""
        recorded = self._archive.block_digests(stream, partition)
        for block in _blocks_below(span.end)[span.start // BLOCK_OFFSETS :]:
            whole = OffsetRange(block * BLOCK_OFFSETS, block * BLOCK_OFFSETS + BLOCK_OFFSETS)
            part = whole.intersection(span)
            if part == whole:
                if block in recorded:
                    yield block, recorded[block]
            elif part is not None:
                digest = new_content_digest()
                for batch in self._archive.read(stream, partition, part, _COMPARE_RECORDS):
                    digest.update(
                        batch.offsets,
                        batch.log_ts_us,
                        batch.ts_types,
                        batch.keys,
                        batch.values,
                        batch.headers,
                    )
                for _, records, text in digest.blocks():
                    yield block, (records, text)


def _paired(
    live: StreamInfo, archived: StreamInfo
) -> list[tuple[PartitionInfo | None, PartitionInfo | None]]:
    count = max(len(live.partitions), len(archived.partitions))
    return [(_part(live, partition), _part(archived, partition)) for partition in range(count)]


def _part(info: StreamInfo | None, partition: int) -> PartitionInfo | None:
    if info is None or not 0 <= partition < len(info.partitions):
        return None
    return info.partitions[partition]


def _merged(live: PartitionInfo | None, archived: PartitionInfo | None, *, compacted: bool) -> PartitionInfo:
    if live is None or archived is None:
        only = archived if live is None else live
        if only is None:
            raise SourceError("a partition that is neither in the broker nor in the archive")
        return only
    ranges = tuple(merge_ranges([*archived.ranges, *(() if compacted else live.ranges)]))
    from_archive = bool(archived.ranges) and archived.low <= live.low and archived.first_log_ts_us is not None
    return replace(
        live,
        low=ranges[0].start if ranges else live.low,
        ranges=ranges,
        first_log_ts_us=archived.first_log_ts_us if from_archive else live.first_log_ts_us,
    )


def _within(batch: RecordBatch, span: OffsetRange) -> RecordBatch:
    if span.start <= batch.offsets[0] and batch.offsets[-1] < span.end:
        return batch
    inside = [index for index, offset in enumerate(batch.offsets) if span.start <= offset < span.end]
    return batch.slice(inside[0], inside[0] + len(inside)) if inside else batch.slice(0, 0)


def _blocks_below(end: int) -> range:
    """The indexes of all blocks with an offset below `end`."""
    return range(-(-end // BLOCK_OFFSETS))


def _named(block: tuple[int, str] | None) -> str:
    return "no record" if block is None else f"{block[0]} records, digest {block[1]}"
