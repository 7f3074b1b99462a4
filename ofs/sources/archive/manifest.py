"""The manifest of an archived stream, and where the files of an archive lie.

Layout: `DIR/<stream>/manifest.json` and `DIR/<stream>/<partition>/<start offset, 20 digits>.parquet`, the stream's name
percent-encoded. Format `ofs-archive/v1`: JSON of `Manifest`, members sorted, no white space, ASCII, integers exact,
with `manifest_sha256` over the same text without that member.
A file covers `[start, end)` explicitly: offsets inside it that hold no record delivered nothing in the log.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ofs.canonical import sha256_hex
from ofs.errors import ArchiveError
from ofs.units import OffsetRange

FORMAT: Final = "ofs-archive/v1"
MANIFEST_NAME: Final = "manifest.json"

Count = Annotated[int, Field(ge=0)]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Offset = Annotated[int, Field(ge=0, le=2**63 - 1)]
_TimeUs = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BlockEntry(_Strict):
    """Content digest of one block, over all records of the partition that the archive holds in it."""

    block: _Offset
    records: Count
    digest: Hex64


class FileEntry(_Strict):
    """One Parquet file. Bounds: covers `[start, end)`; log timestamps in us, absent where it holds no record."""

    start: _Offset
    end: _Offset
    records: Count
    size_bytes: Count
    sha256: Hex64
    first_log_ts_us: _TimeUs | None = None
    max_log_ts_us: _TimeUs | None = None

    @property
    def range(self) -> OffsetRange:
        return OffsetRange(self.start, self.end)

    @property
    def name(self) -> str:
        return f"{self.start:020d}.parquet"


class PartitionEntry(_Strict):
    """One partition. `start`: where archiving began. Order: files and blocks ascend and do not overlap."""

    partition: Count
    start: _Offset
    files: tuple[FileEntry, ...]
    blocks: tuple[BlockEntry, ...]
    content_root: Hex64

    @property
    def end(self) -> int:
        """The next offset to archive."""
        return self.files[-1].end if self.files else self.start

    @property
    def records(self) -> int:
        return sum(file.records for file in self.files)

    @model_validator(mode="after")
    def _ordered(self) -> PartitionEntry:
        position = self.start
        for file in self.files:
            if file.start < position or file.end <= file.start:
                raise ValueError(f"file [{file.start}, {file.end}) does not follow {position}")
            position = file.end
        return self


class Manifest(_Strict):
    """What of a stream is archived. `timestamps`: log-append only where all of them are the broker's."""

    format: Literal["ofs-archive/v1"]
    stream: str
    archive_id: str
    topic_id: str | None = None
    timestamps: Literal["log-append", "create"]
    partitions: tuple[PartitionEntry, ...]

    @model_validator(mode="after")
    def _numbered(self) -> Manifest:
        if [entry.partition for entry in self.partitions] != list(range(len(self.partitions))):
            raise ValueError("partitions are not numbered 0 to n-1")
        return self


def stream_folder(root: Path, stream: str) -> Path:
    """The folder of a stream; its name holds letters, digits and `_.-~%` only and never starts with a dot."""
    name = quote(stream, safe="")
    return root / (f"%2E{name[1:]}" if name.startswith(".") else name)


def partition_folder(folder: Path, partition: int) -> Path:
    """The folder of a partition's files inside its stream's folder."""
    return folder / str(partition)


def archived_streams(root: Path) -> list[str]:
    """The names of all streams that have a manifest below the folder, sorted."""
    try:
        found = [path.parent.name for path in root.glob(f"*/{MANIFEST_NAME}")]
        return sorted(unquote(name) for name in found if not name.startswith("."))
    except OSError as error:
        raise ArchiveError(f"archive {root}: {error.strerror}") from error


def load_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stream's folder, checked; None where there is none. Raises ArchiveError on damage."""
    path = folder / MANIFEST_NAME
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror}") from error
    try:
        members = json.loads(data)
        if not isinstance(members, dict):
            raise ArchiveError(f"{path}: not a manifest: not a JSON object")
        found = members.pop("manifest_sha256", None)
        expected = sha256_hex(_text(members))
        if members.get("format") != FORMAT:
            raise ArchiveError(f"{path}: format expected {FORMAT}, found {members.get('format')!r}")
        if found != expected:
            raise ArchiveError(f"{path}: SHA-256 of the manifest expected {found}, found {expected}")
        return Manifest.model_validate(members)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArchiveError(f"{path}: {where or 'manifest'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{path}: not a manifest: {error}") from error


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Write aside, make durable, rename: a kill leaves the old manifest or the new one. Raises OSError."""
    members = manifest.model_dump(mode="json", exclude_none=True)
    members["manifest_sha256"] = sha256_hex(_text(members))
    aside = folder / f"{MANIFEST_NAME}.partial"
    with aside.open("wb") as file:
        file.write(_text(members) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / MANIFEST_NAME)
    sync_folder(folder)


def _text(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
