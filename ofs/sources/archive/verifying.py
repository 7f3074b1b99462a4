"""Verify: read every file of an archive again and recompute every digest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ofs.canonical.content import new_content_digest
from ofs.errors import ArchiveError
from ofs.sources.archive.log import check_file
from ofs.sources.archive.manifest import (
    FileEntry,
    Manifest,
    PartitionEntry,
    archived_streams,
    load_manifest,
    partition_folder,
    stream_folder,
)
from ofs.sources.archive.parquet import read_records
from ofs.sources.archive.write import Progress
from ofs.units import OffsetRange, merge_ranges, missing_ranges

_READ_RECORDS: Final = 8192


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What was found of one partition. `gaps`: ranges of `[start, end)` that no file covers."""

    partition: int
    start: int
    end: int
    records: int
    files: int
    content_root: str
    gaps: tuple[OffsetRange, ...]


@dataclass(frozen=True, slots=True)
class StreamReport:
    stream: str
    archive_id: str
    partitions: tuple[PartitionReport, ...]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """`problems`: one line each: file, expected, found. `unlisted`: files that no manifest names (left by a kill)."""

    streams: tuple[StreamReport, ...]
    problems: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.problems


def verify(root: Path, progress: Progress | None = None) -> VerifyReport:
    """Check every stream below the folder. Damage is reported, not raised.

    Raises ArchiveError where the folder holds no archive at all.
    """
    names = archived_streams(root)
    if not names:
        raise ArchiveError(f"{root} holds no archive: no */manifest.json in it")
    check = _Check(progress)
    manifests: list[tuple[Path, Manifest]] = []
    for name in names:
        folder = stream_folder(root, name)
        try:
            manifest = load_manifest(folder)
        except ArchiveError as error:
            check.problems.append(error.message)
            continue
        if manifest is not None and manifest.stream != name:
            check.problems.append(f"{folder}: manifest: stream expected {name}, found {manifest.stream}")
        elif manifest is not None:
            manifests.append((folder, manifest))
    check.total = sum(entry.records for _, manifest in manifests for entry in manifest.partitions)
    streams = tuple(
        StreamReport(
            stream=manifest.stream,
            archive_id=manifest.archive_id,
            partitions=tuple(
                check.partition(folder, manifest.stream, entry) for entry in manifest.partitions
            ),
        )
        for folder, manifest in manifests
    )
    unlisted = [str(path) for folder, manifest in manifests for path in _unlisted(folder, manifest)]
    return VerifyReport(streams=streams, problems=tuple(check.problems), unlisted=tuple(unlisted))


class _Check:
    """Collects problems over all streams and counts records for a progress callback."""

    def __init__(self, progress: Progress | None) -> None:
        self.problems: list[str] = []
        self.total = 0
        self._done = 0
        self._progress = progress

    def partition(self, folder: Path, stream: str, entry: PartitionEntry) -> PartitionReport:
        before = len(self.problems)
        digest = new_content_digest()
        for file in entry.files:
            path = partition_folder(folder, entry.partition) / file.name
            records = 0
            try:
                check_file(path, file)
                for batch in read_records(
                    path,
                    stream=stream,
                    partition=entry.partition,
                    span=OffsetRange(0, 2**63 - 1),
                    max_records=_READ_RECORDS,
                ):
                    digest.update(
                        batch.offsets,
                        batch.log_ts_us,
                        batch.ts_types,
                        batch.keys,
                        batch.values,
                        batch.headers,
                    )
                    records += len(batch)
                    self._inside(path, file, batch.offsets)
                    self._count(len(batch))
            except FileNotFoundError:
                self.problems.append(f"{path}: missing")
            except OSError as error:
                self.problems.append(f"{path}: {error.strerror}")
            except ArchiveError as error:
                self.problems.append(error.message)
            except ValueError as error:
                self.problems.append(f"{path}: {error}")
            else:
                self._equal(f"{path}: records", file.records, records)
        if len(self.problems) == before:
            where = f"{folder}: partition {entry.partition}"
            blocks = [(block.block, block.records, block.digest) for block in entry.blocks]
            self._equal(f"{where}: block digests", blocks, digest.blocks())
            self._equal(f"{where}: content root", entry.content_root, digest.root())
        covered = merge_ranges([file.range for file in entry.files])
        start = covered[0].start if covered else entry.start
        return PartitionReport(
            partition=entry.partition,
            start=start,
            end=entry.end,
            records=entry.records,
            files=len(entry.files),
            content_root=entry.content_root,
            gaps=tuple(missing_ranges(OffsetRange(start, entry.end), covered)),
        )

    def _inside(self, path: Path, file: FileEntry, offsets: list[int]) -> None:
        if offsets[0] < file.start or offsets[-1] >= file.end:
            self.problems.append(
                f"{path}: offsets expected in [{file.start}, {file.end}), found {offsets[0]} to {offsets[-1]}"
            )

    def _equal(self, where: str, expected: object, found: object) -> None:
        if expected != found:
            self.problems.append(f"{where}: expected {_short(expected)}, found {_short(found)}")

    def _count(self, records: int) -> None:
        self._done += records
        if self._progress is not None:
            self._progress(self._done, self.total)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _unlisted(folder: Path, manifest: Manifest) -> Iterator[Path]:
    listed = {
        partition_folder(folder, entry.partition) / file.name
        for entry in manifest.partitions
        for file in entry.files
    }
    yield from sorted(path for path in folder.glob("*/*.parquet*") if path not in listed)
