"""Writing the files of one archived partition, and the manifest that makes them count."""

from __future__ import annotations

import fcntl
import hashlib
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ofs.canonical.content import BLOCK_OFFSETS, RangeContent, content_root, new_content_digest
from ofs.errors import SinkError
from ofs.ports import RecordBatch
from ofs.sources.archive.manifest import (
    BlockEntry,
    FileEntry,
    PartitionEntry,
    sync_folder,
)
from ofs.sources.archive.parquet import ROW_GROUP_RECORDS, ParquetWriter, mapped_write_errors

Progress = Callable[[int, int | None], None]
"""Called with the records done so far and their expected number, None where that is unknown."""

Timestamps = Literal["log-append", "create"]

FILE_OFFSETS: Final = 256 * BLOCK_OFFSETS
_ROW_GROUP_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class _OpenFile:
    """A file being written. Bounds: covers from `start`; only records below `boundary` go into it."""

    start: int
    boundary: int
    aside: Path
    writer: ParquetWriter
    records: int = 0
    first_log_ts_us: int | None = None
    max_log_ts_us: int | None = None


class PartitionWriter:
    """Appends records of one partition in offset order; `entry` holds the files finished so far.

    Effects: a file is written aside and renamed when finished; nothing refers to it until a manifest does.
    Raises SinkError.
    """

    def __init__(self, folder: Path, entry: PartitionEntry, tail: list[RecordBatch]) -> None:
        """`tail`: the archived records of the block that holds the entry's end."""
        self.entry = entry
        self._folder = folder
        self._start = entry.end
        self._file: _OpenFile | None = None
        self._buffer: list[RecordBatch] = []
        self._buffered = 0
        self._buffered_bytes = 0
        self._digest = new_content_digest()
        for batch in tail:
            _feed(self._digest, batch)

    def skip_to(self, start: int) -> None:
        """Coverage goes on at `start`; what lies between is a gap. Only between finished files."""
        self._start = max(self._start, start)

    def write(self, batch: RecordBatch) -> None:
        """Append records; all offsets up to the last of them are covered, also those that are absent."""
        while len(batch):
            opened = self._file
            if opened is not None and batch.offsets[0] >= opened.boundary:
                self.cover(opened.boundary)
                opened = None
            if opened is None:
                opened = self._open(batch.offsets[0])
            count = bisect_left(batch.offsets, opened.boundary)
            self._buffer.append(batch.slice(0, count))
            self._buffered += count
            self._buffered_bytes += sum(len(value) for value in batch.values[:count] if value is not None)
            if self._buffered >= ROW_GROUP_RECORDS or self._buffered_bytes >= _ROW_GROUP_BYTES:
                self._flush(opened)
            batch = batch.slice(count, len(batch))

    def cover(self, end: int) -> None:
        """Everything below `end` is covered: finish the open file; a range without records gets one too."""
        opened = self._file
        if opened is None:
            if end <= self._start:
                return
            opened = self._open(self._start)
        self._flush(opened)
        with mapped_write_errors(opened.aside):
            opened.writer.close()
            file = _seal(opened, end)
            opened.aside.replace(self._folder / file.name)
            sync_folder(self._folder)
        self._file = None
        self._start = end
        self.entry = self._extended(file)

    def discard(self) -> None:
        """Remove the unfinished file; what is finished stays."""
        if self._file is not None:
            opened, self._file = self._file, None
            with mapped_write_errors(opened.aside):
                opened.writer.close()
                opened.aside.unlink(missing_ok=True)

    def _open(self, offset: int) -> _OpenFile:
        boundary = (offset // FILE_OFFSETS) * FILE_OFFSETS + FILE_OFFSETS
        aside = self._folder / f"{self._start:020d}.parquet.partial"
        with mapped_write_errors(aside):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = _OpenFile(self._start, boundary, aside, ParquetWriter(aside))
        return self._file

    def _flush(self, opened: _OpenFile) -> None:
        if not self._buffer:
            return
        batch = _joined(self._buffer)
        self._buffer, self._buffered, self._buffered_bytes = [], 0, 0
        with mapped_write_errors(opened.aside):
            opened.writer.write(batch)
        _feed(self._digest, batch)
        highest = max(batch.log_ts_us)
        if opened.first_log_ts_us is None or opened.max_log_ts_us is None:
            opened.first_log_ts_us, opened.max_log_ts_us = batch.log_ts_us[0], highest
        opened.max_log_ts_us = max(opened.max_log_ts_us, highest)
        opened.records += len(batch)

    def _extended(self, file: FileEntry) -> PartitionEntry:
        fresh = tuple(BlockEntry(block=b, records=n, digest=d) for b, n, d in self._digest.blocks())
        kept = tuple(block for block in self.entry.blocks if not fresh or block.block < fresh[0].block)
        return PartitionEntry(
            partition=self.entry.partition,
            start=self.entry.start if self.entry.files else file.start,
            files=(*self.entry.files, file),
            blocks=(*kept, *fresh),
            content_root=content_root([block.digest for block in (*kept, *fresh)]),
        )


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the stream's folder for one writer. Raises SinkError where it cannot be made or another writer has it."""
    with mapped_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SinkError(f"archive {folder}: is being written by another process") from error
        yield
    finally:
        os.close(handle)


def empty_entry(partition: int, start: int) -> PartitionEntry:
    """A partition of which nothing is archived yet."""
    return PartitionEntry(
        partition=partition, start=start, files=(), blocks=(), content_root=content_root([])
    )


def _seal(opened: _OpenFile, end: int) -> FileEntry:
    """Make the written file durable and take down what it is. Raises OSError."""
    with opened.aside.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        os.fsync(handle.fileno())
    return FileEntry(
        start=opened.start,
        end=end,
        records=opened.records,
        size_bytes=opened.aside.stat().st_size,
        sha256=digest,
        first_log_ts_us=opened.first_log_ts_us,
        max_log_ts_us=opened.max_log_ts_us,
    )


def _feed(digest: RangeContent, batch: RecordBatch) -> None:
    digest.update(batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers)


def _joined(batches: list[RecordBatch]) -> RecordBatch:
    """One batch of several that follow each other."""
    first = batches[0]
    if len(batches) == 1:
        return first
    headers = None
    if any(batch.headers is not None for batch in batches):
        headers = [entry for batch in batches for entry in batch.headers or [[] for _ in batch.offsets]]
    return RecordBatch(
        stream=first.stream,
        partition=first.partition,
        offsets=[offset for batch in batches for offset in batch.offsets],
        log_ts_us=[time_us for batch in batches for time_us in batch.log_ts_us],
        ts_types=[ts_type for batch in batches for ts_type in batch.ts_types],
        keys=[key for batch in batches for key in batch.keys],
        values=[value for batch in batches for value in batch.values],
        headers=headers,
    )
