"""Checkpoints on disk: manifests written last, every file digested, all of it checked before use.

`manifest.json` is the RFC 8785 text of CheckpointManifest with `manifest_sha256` over the text without that member, and
a line end. The database's own files are listed in it with size and SHA-256, so that a flipped byte in any of them is
found without trusting RocksDB, whose iterator ends silently at a damaged block.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ofs.canonical import jcs, sha256_hex
from ofs.contracts.checkpoint import CHECKPOINT_FORMAT, CheckpointFile, CheckpointManifest
from ofs.state.layout import DATABASE, mapped, sync_folder

MANIFEST: Final = "manifest.json"
_DIGEST: Final = "manifest_sha256"
_TABLE: Final = ".sst"
_INFO_LOG: Final = "LOG"
_LOST: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO})


class NotSoundError(Exception):
    """A checkpoint that must not be used. `is_damaged`: False where it is of another format, and whole."""

    def __init__(self, problem: str, *, is_damaged: bool = True) -> None:
        super().__init__(problem)
        self.is_damaged: Final = is_damaged


@dataclass(slots=True)
class TableDigests:
    """SHA-256 of table files that were digested already: RocksDB never changes a table, nor reuses its name."""

    _known: dict[tuple[str, int, int, int], str] = field(default_factory=dict)

    def of(self, path: Path) -> str:
        """The digest of a file, once for each table. Raises OSError."""
        digest = self.known(path)
        if digest is None:
            digest = _sha256(path)
            if path.suffix == _TABLE:
                self._known[_identity(path)] = digest
        return digest

    def known(self, path: Path) -> str | None:
        """The digest of a table that is part of a checkpoint already; None where it is to be found. Raises OSError."""
        return self._known.get(_identity(path)) if path.suffix == _TABLE else None


def list_files(database: Path, digests: TableDigests) -> tuple[CheckpointFile, ...]:
    """Every file of a database, but for RocksDB's log of messages, made durable. Raises OSError."""
    files = []
    for path in _files(database):
        if digests.known(path) is None:  # what is part of a checkpoint is durable
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        files.append(CheckpointFile(name=path.name, size_bytes=path.stat().st_size, sha256=digests.of(path)))
    return tuple(files)


def write_manifest(folder: Path, manifest: CheckpointManifest) -> None:
    """Write it, make it durable. The folder is still aside: it counts when it is renamed. Raises OSError."""
    with (folder / MANIFEST).open("wb") as file:
        file.write(_text(manifest))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder / DATABASE)
    sync_folder(folder)


def read_manifest(folder: Path) -> CheckpointManifest:
    """The manifest of a checkpoint's folder, in agreement with where it lies.

    Raises NotSoundError, and StateError where it cannot be read though it may be sound.
    """
    with mapped(folder):
        data = _read(folder / MANIFEST)
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotSoundError(f"{MANIFEST}: not JSON: {error}") from error
    if not isinstance(members, dict):
        raise NotSoundError(f"{MANIFEST}: not a JSON object")
    _check_digest(members)
    if members.get("format") != CHECKPOINT_FORMAT:
        found = members.get("format")
        raise NotSoundError(f"format expected {CHECKPOINT_FORMAT}, found {found!r}", is_damaged=False)
    try:
        manifest = CheckpointManifest.model_validate_json(json.dumps(members))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotSoundError(f"{MANIFEST}: {where or 'members'}: {first['msg']}") from error
    if _text(manifest) != data:
        raise NotSoundError(f"{MANIFEST}: not the canonical text of what it says")
    if (manifest.state_id, manifest.frontier) != (folder.parent.parent.name, int(folder.name)):
        raise NotSoundError(f"{MANIFEST}: is that of another checkpoint")
    return manifest


def check(
    folder: Path, digests: TableDigests | None = None, *, reads_tables: bool = True
) -> CheckpointManifest:
    """The manifest of a checkpoint that is sound in all its files; see `problems`. Raises NotSoundError, StateError."""
    manifest = read_manifest(folder)
    found = problems(folder, manifest, digests, reads_tables=reads_tables)
    if found:
        raise NotSoundError(found[0] + (f" and {len(found) - 1} more" if len(found) > 1 else ""))
    return manifest


def problems(
    folder: Path,
    manifest: CheckpointManifest,
    digests: TableDigests | None = None,
    *,
    reads_tables: bool = True,
) -> list[str]:
    """What of a checkpoint's files is not as the manifest says; none where it is sound.

    `digests`: takes those of the tables, so that a state that goes on with them need not digest them again.
    `reads_tables`: False to compare the tables by size alone; RocksDB then checks each of their blocks when it reads
    one. Raises StateError where a file cannot be read though it may be sound.
    """
    database = folder / DATABASE
    with mapped(folder):
        try:
            present = {path.name for path in _files(database)}
        except OSError as error:
            if error.errno not in _LOST:
                raise
            return [f"{DATABASE}: {error.strerror}"]
        listed = {file.name for file in manifest.files}
        unknown = [f"{DATABASE}/{name}: is not in the manifest" for name in sorted(present - listed)]
        known = TableDigests() if digests is None else digests
        checked = [
            _problem(database / file.name, file, known, reads_tables=reads_tables) for file in manifest.files
        ]
    return [*(problem for problem in checked if problem is not None), *unknown]


def _problem(path: Path, file: CheckpointFile, digests: TableDigests, *, reads_tables: bool) -> str | None:
    name = f"{DATABASE}/{file.name}"
    try:
        size = path.stat().st_size
        if size != file.size_bytes:
            return f"{name}: size expected {file.size_bytes}, found {size}"
        if path.suffix == _TABLE and not reads_tables:
            return None
        digest = digests.of(path)
    except OSError as error:
        if error.errno not in _LOST:
            raise
        return f"{name}: {error.strerror}"
    return None if digest == file.sha256 else f"{name}: SHA-256 expected {file.sha256}, found {digest}"


def _check_digest(members: dict[str, Any]) -> None:
    recorded = members.pop(_DIGEST, None)
    try:
        digest = sha256_hex(jcs(members))
    except ValueError as error:
        raise NotSoundError(f"{MANIFEST}: {error}") from error
    if recorded != digest:
        raise NotSoundError(f"{MANIFEST}: SHA-256 expected {recorded}, found {digest}")


def _text(manifest: CheckpointManifest) -> bytes:
    members = manifest.to_dict()
    return jcs({**members, _DIGEST: sha256_hex(jcs(members))}) + b"\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno not in _LOST:
            raise
        raise NotSoundError(f"{path.name}: {error.strerror}") from error


def _files(database: Path) -> list[Path]:
    """RocksDB's files, by name. Raises OSError."""
    return sorted(
        path for path in database.iterdir() if path.name != _INFO_LOG and not path.name.startswith("LOG.")
    )


def _identity(path: Path) -> tuple[str, int, int, int]:
    found = path.stat()
    return path.name, found.st_ino, found.st_size, found.st_mtime_ns


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
