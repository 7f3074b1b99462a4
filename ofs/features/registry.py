"""The registry: the published versions of feature groups, each checked against the digest in lock.json.

Only what is locked is used. A published version never changes; a change is published as a new version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ofs.errors import RegistryError
from ofs.features.definition import FeatureGroup
from ofs.features.digest import canonical_definition, definition_bytes, definition_digest
from ofs.features.examine import examine
from ofs.features.folder import definition_paths, open_folder, read_lock_text, write_lock_text
from ofs.features.lock_file import LOCK_FILE, Published, lock_text, read_lock

__all__ = ["Locked", "Registry", "lock"]


@dataclass(frozen=True, slots=True)
class Locked:
    """A published definition with its digest."""

    group: FeatureGroup
    digest: str

    @property
    def name(self) -> str:
        return self.group.name

    @property
    def version(self) -> str:
        return self.group.version

    @property
    def canonical(self) -> dict[str, object]:
        """See canonical_definition."""
        return canonical_definition(self.group)

    @property
    def canonical_bytes(self) -> bytes:
        """What the digest covers, and what the native core compiles."""
        return definition_bytes(self.group)


class Registry:
    """Published definitions by name and version. Immutable.

    Order: iteration is in the order of publication.
    """

    def __init__(self, published: Iterable[Locked]) -> None:
        """Raises RegistryError where a version of a group stands twice."""
        by_name: dict[tuple[str, str], Locked] = {}
        for locked in published:
            if (locked.name, locked.version) in by_name:
                raise RegistryError(f"{locked.name} {locked.version} is given twice")
            by_name[locked.name, locked.version] = locked
        self._locked: Mapping[tuple[str, str], Locked] = MappingProxyType(by_name)

    @classmethod
    def load(cls, folder: str | Path) -> Registry:
        """The published definitions of a registry folder; files that are not locked are not looked at.

        Raises RegistryError or DefinitionError where lock.json is missing or no lock, or a published file is
        missing, changed, out of place or no definition.
        """
        root = open_folder(folder)
        text = read_lock_text(root)
        if text is None:
            raise RegistryError(f"{root / LOCK_FILE}: not found", hint=f"run `ofs features lock {root}`")
        published = read_lock(text, str(root / LOCK_FILE))
        return cls(Locked(*examine(root, entry.path, entry).definition()) for entry in published)

    @classmethod
    def of(cls, groups: Iterable[FeatureGroup]) -> Registry:
        """A registry of definitions that are at hand, published in this order; for notebooks and tests."""
        return cls(Locked(group, definition_digest(group)) for group in groups)

    def __iter__(self) -> Iterator[Locked]:
        return iter(self._locked.values())

    def __len__(self) -> int:
        return len(self._locked)

    def get(self, name: str, version: str) -> Locked | None:
        """The published definition, None where there is none."""
        return self._locked.get((name, version))

    def latest(self, name: str) -> Locked | None:
        """The version of the group that was published last, None where there is none."""
        found = [locked for locked in self if locked.name == name]
        return found[-1] if found else None


def lock(folder: str | Path) -> tuple[Published, ...]:
    """Publish every definition of the folder that is not locked yet, by name and version number; returns these.

    Effects: lock.json is replaced at once, or left as it is when nothing is new.
    Raises RegistryError or DefinitionError, with nothing written, where anything in the folder is wrong.
    """
    root = open_folder(folder)
    text = read_lock_text(root)
    published = () if text is None else read_lock(text, str(root / LOCK_FILE))
    for entry in published:
        examine(root, entry.path, entry).definition()
    known = {entry.path for entry in published}
    added: list[Published] = []
    for path in definition_paths(root):
        if path not in known:
            group, digest = examine(root, path, None).definition()
            added.append(Published(group.name, group.version, digest))
    added.sort(key=lambda entry: (entry.name, entry.number))
    if added or text is None:
        write_lock_text(root, lock_text((*published, *added)))
    return tuple(added)
