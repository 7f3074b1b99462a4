"""Import: lines of JSON, one record each, become an archive with the offsets and times that they give."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from ofs.canonical import jcs, sha256_hex
from ofs.errors import UsageError
from ofs.ports import TIMESTAMP_CREATE, TIMESTAMP_LOG_APPEND, RecordBatch
from ofs.sources.archive.manifest import (
    FORMAT,
    Manifest,
    PartitionEntry,
    partition_folder,
    save_manifest,
    stream_folder,
    sync_folder,
)
from ofs.sources.archive.parquet import mapped_write_errors
from ofs.sources.archive.write import PartitionWriter, Progress, Timestamps, empty_entry, exclusive
from ofs.units import next_offset

PARTITIONS_MAX: Final = 10_000
_BATCH_RECORDS: Final = 4096
_OFFSET_MAX: Final = 2**63 - 2
_SPACE_OR_STRING: Final = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+')
_VALUE_TYPES: Final = "null, a string (the raw text) or an object (encoded compactly)"


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    partition: Annotated[int, msgspec.Meta(ge=0, lt=PARTITIONS_MAX)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=_OFFSET_MAX)]
    timestamp_us: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    value: msgspec.Raw
    key: str | None = None


_LINE: Final = msgspec.json.Decoder(_Line)
_STRING: Final = msgspec.json.Decoder(str)


@dataclass(slots=True)
class _Open:
    """A partition being written. `end`: the next offset that may come."""

    writer: PartitionWriter
    batch: RecordBatch
    end: int


def import_ndjson(
    lines: Iterable[bytes],
    stream: str,
    out: Path,
    timestamps: Timestamps = "log-append",
    progress: Progress | None = None,
) -> Manifest:
    """Archive lines `{"partition","offset","timestamp_us","key","value"}`; offsets ascend in each partition.

    `value`: null, a string (the raw text), or an object, which is encoded by leaving out the white space, so that
    numbers and the order of members stay as written. `key`: null or a string. `timestamps`: what the times are.
    A partition is covered from its first to its last offset; lower partitions that no line names are archived as empty.
    Effects: written aside and renamed; a kill leaves nothing under the stream's name.
    Raises UsageError with the line number for a bad line and where the target exists; SinkError.
    """
    folder = stream_folder(out, stream)
    if folder.exists():
        raise UsageError(
            f"{folder} exists already", hint="choose another folder; an import never extends one"
        )
    aside = out / f".{folder.name}.partial"
    with exclusive(aside):
        try:
            with mapped_write_errors(aside):
                _clear(aside)
            entries = _write_all(lines, stream, aside, timestamps, progress)
            identity = {"content_roots": [entry.content_root for entry in entries], "stream": stream}
            manifest = Manifest(
                format=FORMAT,
                stream=stream,
                archive_id=sha256_hex(jcs(identity)),
                timestamps=timestamps,
                partitions=tuple(entries),
            )
            with mapped_write_errors(folder):
                save_manifest(aside, manifest)
                aside.rename(folder)
                sync_folder(out)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return manifest


def _write_all(
    lines: Iterable[bytes], stream: str, folder: Path, timestamps: Timestamps, progress: Progress | None
) -> list[PartitionEntry]:
    ts_type = TIMESTAMP_LOG_APPEND if timestamps == "log-append" else TIMESTAMP_CREATE
    partitions: dict[int, _Open] = {}
    number = 0
    for number, line in enumerate(lines, start=1):
        record = _decode(line, number)
        target = partitions.get(record.partition)
        if target is None:
            target = partitions[record.partition] = _opened(stream, folder, record)
        if record.offset < target.end:
            raise UsageError(
                f"line {number}: partition {record.partition}: offset {record.offset} does not ascend, "
                f"{target.end} or more was expected"
            )
        batch = target.batch
        batch.offsets.append(record.offset)
        batch.log_ts_us.append(record.timestamp_us)
        batch.ts_types.append(ts_type)
        batch.keys.append(None if record.key is None else record.key.encode())
        batch.values.append(_value(record.value, number))
        target.end = next_offset(record.offset)
        if len(batch) >= _BATCH_RECORDS:
            target.writer.write(batch)
            target.batch = _empty_batch(stream, record.partition)
            if progress is not None:
                progress(number, None)
    for target in partitions.values():
        target.writer.write(target.batch)
        target.writer.cover(target.end)
    if progress is not None:
        progress(number, number)
    written = {partition: target.writer.entry for partition, target in partitions.items()}
    return [
        written.get(partition) or empty_entry(partition, 0) for partition in range(_partition_count(written))
    ]


def _partition_count(written: dict[int, PartitionEntry]) -> int:
    """How many partitions a stream has whose highest one with a record is the last."""
    return next_offset(max(written)) if written else 0


def _opened(stream: str, folder: Path, first: _Line) -> _Open:
    entry = empty_entry(first.partition, first.offset)
    writer = PartitionWriter(partition_folder(folder, first.partition), entry, tail=[])
    return _Open(writer=writer, batch=_empty_batch(stream, first.partition), end=first.offset)


def _empty_batch(stream: str, partition: int) -> RecordBatch:
    return RecordBatch(stream, partition, [], [], [], [], [], None)


def _decode(line: bytes, number: int) -> _Line:
    try:
        line.decode("utf-8")
        return _LINE.decode(line)
    except UnicodeDecodeError as error:
        raise UsageError(f"line {number}: not UTF-8: {error.reason} at byte {error.start}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"line {number}: {error}") from error


def _value(raw: msgspec.Raw, number: int) -> bytes | None:
    text = bytes(raw)
    if text == b"null":
        return None
    if text.startswith(b"{"):
        if len(text.translate(None, b" \t\r\n")) == len(text):
            return text
        return _SPACE_OR_STRING.sub(rb"\1", text)
    if text.startswith(b'"'):
        try:
            return _STRING.decode(text).encode("utf-8")
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            raise UsageError(f"line {number}: value: {error}") from error
    raise UsageError(
        f"line {number}: value: found {text[:40].decode(errors='replace')}; allowed: {_VALUE_TYPES}"
    )


def _clear(folder: Path) -> None:
    """Remove what an import that was killed has left. Raises OSError."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
