"""What `ofs features check` and `ofs features show` say, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ofs.errors import DefinitionError, RegistryError
from ofs.features.digest import canonical_definition
from ofs.features.examine import Examined, FileStatus, examine
from ofs.features.folder import definition_paths, open_folder, read_lock_text
from ofs.features.lock_file import LOCK_FILE, Published, read_lock

__all__ = ["CheckReport", "FileReport", "FileStatus", "Shown", "check_registry", "show"]


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file: `path` within the registry; name, version and digest as far as they are known.

    `message` and `hint` of an error; file, line, field, found and allowed only of a broken definition.
    """

    path: str
    status: FileStatus
    name: str | None = None
    version: str | None = None
    digest: str | None = None
    message: str | None = None
    hint: str | None = None
    line: int | None = None
    field: str | None = None
    found: str | None = None
    allowed: str | None = None

    @property
    def ok(self) -> bool:
        """Whether this file is well; one that is not locked is, but no replay uses it."""
        return self.status in (FileStatus.LOCKED, FileStatus.NOT_LOCKED)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All files of a registry folder, sorted by path; of each at most its first error."""

    folder: str
    files: tuple[FileReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is well."""
        return all(file.ok for file in self.files)

    @property
    def not_locked(self) -> tuple[FileReport, ...]:
        """The good files that no replay uses until they are locked."""
        return tuple(file for file in self.files if file.status is FileStatus.NOT_LOCKED)

    def to_json(self) -> dict[str, object]:
        """Plain JSON members; those that are not known are left out."""
        files = [
            {name: value for name, value in asdict(file).items() if value is not None} for file in self.files
        ]
        return {"folder": self.folder, "ok": self.ok, "files": files}


@dataclass(frozen=True, slots=True)
class Shown:
    """One definition as `ofs features show` prints it: what its digest covers."""

    name: str
    version: str
    digest: str
    locked: bool
    canonical: dict[str, object]

    def to_json(self) -> dict[str, object]:
        """Plain JSON members."""
        return {
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "locked": self.locked,
            "definition": self.canonical,
        }


def check_registry(folder: str | Path) -> CheckReport:
    """Every definition file of the folder, read and compared with lock.json.

    A wrong file is a line of the report. Raises RegistryError only where the folder cannot be read.
    """
    root = open_folder(folder)
    files: list[FileReport] = []
    published: tuple[Published, ...] = ()
    try:
        text = read_lock_text(root)
        published = () if text is None else read_lock(text, str(root / LOCK_FILE))
    except RegistryError as error:
        files.append(FileReport(LOCK_FILE, FileStatus.LOCK_INVALID, message=error.message, hint=error.hint))
    locked = {entry.path: entry for entry in published}
    for path in sorted({*definition_paths(root), *locked}):
        entry = locked.get(path)
        files.append(_report(examine(root, path, entry), entry))
    return CheckReport(str(root), tuple(files))


def show(folder: str | Path, name: str | None = None, version: str | None = None) -> tuple[Shown, ...]:
    """The definitions of the folder, locked or not, by name and version number; only those asked for.

    Raises RegistryError or DefinitionError where a file is wrong, RegistryError where none is what was asked for.
    """
    root = open_folder(folder)
    text = read_lock_text(root)
    published = () if text is None else read_lock(text, str(root / LOCK_FILE))
    locked = {entry.path: entry for entry in published}
    paths = [path for path in sorted({*definition_paths(root), *locked}) if _asked_for(path, name, version)]
    shown = [_shown(examine(root, path, locked.get(path))) for path in paths]
    if not shown and (name is not None or version is not None):
        wanted = " ".join(part for part in (name, version) if part is not None)
        raise RegistryError(f"{root}: no definition of {wanted}", hint=f"see `ofs features check {root}`")
    return tuple(sorted(shown, key=lambda item: (item.name, int(item.version[1:]))))


def _asked_for(path: str, name: str | None, version: str | None) -> bool:
    group, _, file = path.partition("/")
    return name in (None, group) and (version is None or file == f"{version}.yaml")


def _shown(examined: Examined) -> Shown:
    group, digest = examined.definition()
    locked = examined.status is FileStatus.LOCKED
    return Shown(group.name, group.version, digest, locked, canonical_definition(group))


def _report(examined: Examined, entry: Published | None) -> FileReport:
    group, error = examined.group, examined.error
    broken = error if isinstance(error, DefinitionError) else None
    known = group if group is not None else entry
    return FileReport(
        path=examined.path,
        status=examined.status,
        name=None if known is None else known.name,
        version=None if known is None else known.version,
        digest=examined.digest,
        message=None if error is None else error.message,
        hint=None if error is None else error.hint,
        line=None if broken is None else broken.line,
        field=None if broken is None else broken.field,
        found=None if broken is None else broken.found,
        allowed=None if broken is None else broken.allowed,
    )
