"""One file of a registry folder against its place and its line of the lock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ofs.errors import DefinitionError, RegistryError, UsageError
from ofs.features.build import read_definition
from ofs.features.definition import FeatureGroup
from ofs.features.digest import definition_digest
from ofs.features.folder import read_content
from ofs.features.lock_file import LOCK_FILE, Published

__all__ = ["Examined", "FileStatus", "examine"]

_KEEP: Final = "a published version never changes: restore the file, and publish the change as a new version"


class FileStatus(StrEnum):
    """How a file of the registry stands; `locked` and `not locked` are well, the others are errors."""

    LOCKED = "locked"
    NOT_LOCKED = "not locked"
    INVALID = "invalid"
    MISPLACED = "misplaced"
    CHANGED = "changed"
    MISSING = "missing"
    LOCK_INVALID = "lock invalid"


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found: group and digest where the file is a definition, the error where it is not well."""

    path: str
    status: FileStatus
    group: FeatureGroup | None = None
    digest: str | None = None
    error: UsageError | None = None

    def definition(self) -> tuple[FeatureGroup, str]:
        """Group and digest of a file that is well. Raises the error of one that is not."""
        if self.error is not None:
            raise self.error
        if self.group is None or self.digest is None:
            raise RegistryError(f"{self.path}: not found")
        return self.group, self.digest


def examine(root: Path, path: str, entry: Published | None) -> Examined:
    """The file at `path` below `root`; `entry` is its line of the lock, None where it is not locked."""
    try:
        content = read_content(root, path)
        group = None if content is None else read_definition(content, str(root / path))
    except DefinitionError as error:
        return Examined(path, FileStatus.INVALID, error=error if entry is None else _with_hint(error))
    except RegistryError as error:
        return Examined(path, FileStatus.INVALID, error=error)
    if group is None:
        return Examined(path, FileStatus.MISSING, error=_missing(root, path, entry))
    digest = definition_digest(group)
    if path != f"{group.name}/{group.version}.yaml":
        return Examined(path, FileStatus.MISPLACED, group, digest, _misplaced(root, path, group))
    if entry is None:
        return Examined(path, FileStatus.NOT_LOCKED, group, digest)
    if digest != entry.digest:
        message = f"{root / path}: published with digest {entry.digest}, found digest {digest}"
        return Examined(path, FileStatus.CHANGED, group, digest, RegistryError(message, hint=_KEEP))
    return Examined(path, FileStatus.LOCKED, group, digest)


def _with_hint(error: DefinitionError) -> DefinitionError:
    return DefinitionError(
        file=error.file,
        line=error.line,
        field=error.field,
        found=error.found,
        allowed=error.allowed,
        hint=_KEEP,
    )


def _missing(root: Path, path: str, entry: Published | None) -> RegistryError:
    if entry is None:
        return RegistryError(f"{root / path}: not found")
    message = f"{root / path}: not found, but {entry.name} {entry.version} is published in {LOCK_FILE}"
    return RegistryError(message, hint="restore the file from version control")


def _misplaced(root: Path, path: str, group: FeatureGroup) -> RegistryError:
    message = (
        f"{root / path}: holds {group.name} {group.version}, expected in {group.name}/{group.version}.yaml"
    )
    return RegistryError(message, hint="rename the file, or correct feature_group and version")
