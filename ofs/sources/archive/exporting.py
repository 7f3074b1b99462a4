"""Export: a stream of any log becomes an archive, or extends the one that is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ofs.canonical.content import BLOCK_OFFSETS
from ofs.errors import ArchiveError, SourceError, TopicMissingError
from ofs.ports import EventLog, PartitionInfo, RecordBatch, StreamInfo
from ofs.sources.archive.log import ArchiveLog
from ofs.sources.archive.manifest import (
    FORMAT,
    Manifest,
    PartitionEntry,
    load_manifest,
    partition_folder,
    save_manifest,
    stream_folder,
)
from ofs.sources.archive.parquet import mapped_write_errors
from ofs.sources.archive.write import PartitionWriter, Progress, Timestamps, empty_entry, exclusive
from ofs.units import OffsetRange, next_offset

_READ_RECORDS: Final = 8192


def export(log: EventLog, stream: str, out: Path, progress: Progress | None = None) -> Manifest:
    """Archive what the log holds of the stream now; an archive that is there goes on from where it ended.

    Effects: after each finished file the manifest is replaced, so a kill leaves a valid, shorter archive.
    Raises SourceError (TopicMissingError, ArchiveError where the archive is of another topic), SinkError.
    """
    folder = stream_folder(out, stream)
    info = described(log, stream)
    with exclusive(folder):
        return Extension(log, out, info, progress).archive()


def described(log: EventLog, stream: str) -> StreamInfo:
    """The stream as it is now. Raises TopicMissingError, SourceError where it is compacted."""
    info = log.describe(stream)
    if info is None:
        raise TopicMissingError(f"stream {stream} does not exist")
    if info.compacted:
        raise SourceError(f"stream {stream} is compacted: what is left of it is not its history")
    return info


class Extension:
    """What of a stream, as it is described, comes after the end of its archive. Whoever makes it holds the folder."""

    def __init__(self, log: EventLog, out: Path, info: StreamInfo, progress: Progress | None = None) -> None:
        """Raises ArchiveError where the archive is of another topic, or of another log."""
        self._log: Final = log
        self._archive: Final = ArchiveLog(out)
        self._info: Final = info
        self._folder: Final = stream_folder(out, info.stream)
        self._manifest = _manifest_for(self._folder, info)
        self._wanted: Final = [
            _wanted(self._manifest.partitions[part.partition], part) for part in info.partitions
        ]
        total = sum(span.end - span.start for spans in self._wanted for span in spans)
        self._counter: Final = _Counter(progress, total)

    def archive(self, is_stopped: Callable[[], bool] = lambda: False) -> Manifest:
        """Write it, file by file; what was read is finished where it is stopped. Raises SourceError, SinkError."""
        for part, spans in zip(self._info.partitions, self._wanted, strict=True):
            if not is_stopped():
                self._partition(part.partition, spans, is_stopped)
        return self._manifest

    def _partition(self, partition: int, spans: list[OffsetRange], is_stopped: Callable[[], bool]) -> None:
        entry = self._manifest.partitions[partition]
        tail = _tail(self._archive, self._info.stream, entry)
        writer = PartitionWriter(partition_folder(self._folder, partition), entry, tail)
        try:
            for span in spans:
                if is_stopped():
                    break
                writer.skip_to(span.start)
                writer.cover(self._span(writer, partition, span, is_stopped))
            self._save(writer.entry)
        finally:
            writer.discard()

    def _span(
        self, writer: PartitionWriter, partition: int, span: OffsetRange, is_stopped: Callable[[], bool]
    ) -> int:
        """Write the span's records; up to where it is covered now."""
        for batch in self._log.read(self._info.stream, partition, span, _READ_RECORDS):
            finished = writer.entry
            writer.write(batch)
            self._counter.add(len(batch))
            if writer.entry is not finished:
                self._save(writer.entry)
            if is_stopped():
                return next_offset(batch.offsets[-1])
        return span.end

    def _save(self, entry: PartitionEntry) -> None:
        """Name the finished files in the manifest."""
        entries = list(self._manifest.partitions)
        entries[entry.partition] = entry
        self._manifest = self._manifest.model_copy(update={"partitions": tuple(entries)})
        with mapped_write_errors(self._folder):
            save_manifest(self._folder, self._manifest)


class _Counter:
    """Adds up the records done for a progress callback."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, records: int) -> None:
        self._done += records
        if self._progress is not None:
            self._progress(self._done, self._total)


def _manifest_for(folder: Path, info: StreamInfo) -> Manifest:
    """The manifest to extend: the one that is there, or an empty one; with an entry for every partition of the log."""
    found = load_manifest(folder)
    timestamps: Timestamps = "log-append" if info.log_append else "create"
    if found is not None:
        if info.topic_id != found.topic_id and info.topic_id is not None:
            raise ArchiveError(
                f"{folder}: the archive is of topic id {found.topic_id}, the stream {info.stream} has {info.topic_id}",
                hint="export into another folder",
            )
        if found.timestamps == "create":
            timestamps = "create"
    known = () if found is None else found.partitions
    added = tuple(empty_entry(part.partition, part.low) for part in info.partitions[len(known) :])
    return Manifest(
        format=FORMAT,
        stream=info.stream,
        archive_id=info.log_id if found is None else found.archive_id,
        topic_id=info.topic_id if found is None else found.topic_id,
        timestamps=timestamps,
        partitions=(*known, *added),
    )


def _wanted(entry: PartitionEntry, part: PartitionInfo) -> list[OffsetRange]:
    """What of the log's partition comes after the archive's end."""
    if entry.end > part.end:
        raise ArchiveError(
            f"partition {part.partition}: the archive ends at {entry.end}, the log already at {part.end}",
            hint="the archive is of another log",
        )
    rest = OffsetRange(entry.end, part.end)
    return [both for span in part.ranges if (both := span.intersection(rest)) is not None]


def _tail(archive: ArchiveLog, stream: str, entry: PartitionEntry) -> list[RecordBatch]:
    """The archived records of the block that holds the entry's end: its digest must be taken anew."""
    block = OffsetRange(entry.end // BLOCK_OFFSETS * BLOCK_OFFSETS, entry.end)
    batches: list[RecordBatch] = []
    for file in entry.files:
        both = file.range.intersection(block)
        if both is not None:
            batches += archive.read(stream, entry.partition, both, _READ_RECORDS)
    return batches
