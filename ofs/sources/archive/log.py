"""An archive as a log: every file is compared with its recorded SHA-256 before anything of it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ofs.errors import ArchiveError, SourceError
from ofs.ports import PartitionInfo, RecordBatch, StreamInfo
from ofs.sources.archive.manifest import (
    FileEntry,
    Manifest,
    PartitionEntry,
    archived_streams,
    load_manifest,
    partition_folder,
    stream_folder,
)
from ofs.sources.archive.parquet import first_at_or_after, read_records
from ofs.units import OffsetRange, merge_ranges, missing_ranges

_DAMAGE_HINT: Final = "run `ofs archive verify`, then restore or export the archive anew"


class ArchiveLog:
    """EventLog over an archive folder. Raises ArchiveError where a manifest or a file that is needed is damaged.

    A file that the manifest names but that is gone is left out of `ranges`: what needs it is known to be missing.
    """

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)
        self._manifests: dict[str, Manifest] = {}
        self._verified: set[tuple[str, int, int, str]] = set()

    def streams(self) -> list[str]:
        """The names of the archived streams, sorted."""
        return archived_streams(self._root)

    def describe(self, stream: str) -> StreamInfo | None:
        """What the archive holds of the stream now; None where it holds nothing of that name."""
        manifest = load_manifest(stream_folder(self._root, stream))
        if manifest is None:
            return None
        if manifest.stream != stream:
            raise ArchiveError(
                f"archive {self._root}: the manifest of stream {stream} names stream {manifest.stream}"
            )
        self._manifests[stream] = manifest
        return StreamInfo(
            stream=stream,
            log_id=manifest.archive_id,
            topic_id=manifest.topic_id,
            log_append=manifest.timestamps == "log-append",
            compacted=False,
            partitions=tuple(self._partition_info(manifest, entry) for entry in manifest.partitions),
        )

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """The records of `span`, see EventLog. Raises ArchiveError where part of it is not archived."""
        entry = self._partition(stream, partition)
        if span.is_empty:
            return
        files = self._present(stream, entry)
        missing = missing_ranges(span, [file.range for file in files])
        if missing:
            gaps = ", ".join(f"[{gap.start}, {gap.end})" for gap in missing)
            raise ArchiveError(f"archive {self._root}: {stream}/{partition}: not archived: {gaps}")
        for file in files:
            wanted = file.range.intersection(span)
            if wanted is not None:
                path = self._verify(stream, partition, file)
                yield from read_records(
                    path, stream=stream, partition=partition, span=wanted, max_records=max_records
                )

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The first archived offset whose log timestamp is at or after the time; None where there is none."""
        for file in self._present(stream, self._partition(stream, partition)):
            if file.max_log_ts_us is not None and file.max_log_ts_us >= log_ts_us:
                return first_at_or_after(self._verify(stream, partition, file), log_ts_us)
        return None

    def block_digests(self, stream: str, partition: int) -> dict[int, tuple[int, str]]:
        """Block index to record count and hex content digest, as recorded, of every block with a record."""
        entry = self._partition(stream, partition)
        return {block.block: (block.records, block.digest) for block in entry.blocks}

    def close(self) -> None:
        """Nothing is held."""

    def _partition(self, stream: str, partition: int) -> PartitionEntry:
        if stream not in self._manifests:
            self.describe(stream)
        manifest = self._manifests.get(stream)
        if manifest is None or not 0 <= partition < len(manifest.partitions):
            raise SourceError(f"archive {self._root}: {stream}/{partition}: no such partition")
        return manifest.partitions[partition]

    def _partition_info(self, manifest: Manifest, entry: PartitionEntry) -> PartitionInfo:
        files = self._present(manifest.stream, entry)
        ranges = tuple(merge_ranges([file.range for file in files]))
        return PartitionInfo(
            partition=entry.partition,
            low=ranges[0].start if ranges else entry.end,
            end=ranges[-1].end if ranges else entry.end,
            ranges=ranges,
            first_log_ts_us=next((f.first_log_ts_us for f in files if f.first_log_ts_us is not None), None),
        )

    def _present(self, stream: str, entry: PartitionEntry) -> list[FileEntry]:
        folder = partition_folder(stream_folder(self._root, stream), entry.partition)
        return [file for file in entry.files if (folder / file.name).is_file()]

    def _verify(self, stream: str, partition: int, file: FileEntry) -> Path:
        """The file's path once its bytes are known to be those recorded; checked again where the file has changed."""
        path = partition_folder(stream_folder(self._root, stream), partition) / file.name
        try:
            stat = path.stat()
            seen = (str(path), stat.st_mtime_ns, stat.st_size, file.sha256)
            if seen not in self._verified:
                check_file(path, file)
                self._verified.add(seen)
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror}", hint=_DAMAGE_HINT) from error
        return path


def check_file(path: Path, file: FileEntry) -> None:
    """Raises ArchiveError where the file's size or SHA-256 is not the recorded one, OSError where it cannot be read."""
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        raise ArchiveError(
            f"{path}: damaged: size expected {file.size_bytes}, found {size_bytes} bytes", hint=_DAMAGE_HINT
        )
    with path.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != file.sha256:
        raise ArchiveError(
            f"{path}: damaged: SHA-256 expected {file.sha256}, found {found}", hint=_DAMAGE_HINT
        )
