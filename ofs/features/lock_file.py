"""lock.json: the published versions of a registry with their digests, in the order of publication.

Format `ofs-registry/v1`: `{"format", "published": [{"name", "version", "digest"}, ...]}`; a change is a new format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ofs.errors import RegistryError
from ofs.features.definition import NAME_LENGTH_MAX, NAME_PATTERN, VERSION_PATTERN

__all__ = ["LOCK_FILE", "LOCK_FORMAT", "Published", "lock_text", "read_lock"]

LOCK_FILE: Final = "lock.json"
LOCK_FORMAT: Final = "ofs-registry/v1"

_MEMBERS: Final = {
    "name": re.compile(NAME_PATTERN.strip("^$"), re.ASCII),
    "version": re.compile(VERSION_PATTERN.strip("^$"), re.ASCII),
    "digest": re.compile(r"[0-9a-f]{64}", re.ASCII),
}
_HINT: Final = "restore lock.json from version control; it is only ever written by `ofs features lock`"


@dataclass(frozen=True, slots=True)
class Published:
    """One line of the lock: this version of this group had this digest when it was published."""

    name: str
    version: str
    digest: str

    @property
    def path(self) -> str:
        """Where its definition stands in the registry folder, with forward slashes."""
        return f"{self.name}/{self.version}.yaml"

    @property
    def number(self) -> int:
        """The version's number."""
        return int(self.version[1:])


def read_lock(text: str, file: str) -> tuple[Published, ...]:
    """The published versions in order. Raises RegistryError, naming `file`, where the text is no such lock."""
    try:
        lock = json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{file}: not JSON: {error}", hint=_HINT) from error
    if not isinstance(lock, dict) or set(lock) != {"format", "published"} or lock["format"] != LOCK_FORMAT:
        expected = f'{{"format": "{LOCK_FORMAT}", "published": [...]}}'
        raise RegistryError(f"{file}: expected {expected}, found another shape or format", hint=_HINT)
    if not isinstance(lock["published"], list):
        raise RegistryError(f"{file}: published: expected a list", hint=_HINT)
    published = tuple(_entry(entry, index, file) for index, entry in enumerate(lock["published"]))
    seen: set[str] = set()
    for index, entry in enumerate(published):
        if entry.path in seen:
            where = f"{file}: published[{index}]"
            raise RegistryError(f"{where}: {entry.name} {entry.version} for a second time", hint=_HINT)
        seen.add(entry.path)
    return published


def lock_text(published: Iterable[Published]) -> str:
    """The text of lock.json: one line an entry, so that a merge conflict shows what it is about."""
    entries = [
        json.dumps({"name": entry.name, "version": entry.version, "digest": entry.digest})
        for entry in published
    ]
    lines = ",\n".join(f"    {entry}" for entry in entries)
    body = f"[\n{lines}\n  ]" if lines else "[]"
    return f'{{\n  "format": "{LOCK_FORMAT}",\n  "published": {body}\n}}\n'


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a member stands twice among {', '.join(name for name, _ in pairs)}")
    return members


def _entry(entry: object, index: int, file: str) -> Published:
    where = f"{file}: published[{index}]"
    if not isinstance(entry, dict) or set(entry) != set(_MEMBERS):
        raise RegistryError(f"{where}: expected exactly name, version and digest", hint=_HINT)
    for member, pattern in _MEMBERS.items():
        text = entry[member]
        if not isinstance(text, str) or pattern.fullmatch(text) is None:
            raise RegistryError(f"{where}.{member}: expected {pattern.pattern}, found {text!r}", hint=_HINT)
        if member != "digest" and len(text) > NAME_LENGTH_MAX:
            raise RegistryError(f"{where}.{member}: longer than {NAME_LENGTH_MAX} characters", hint=_HINT)
    return Published(entry["name"], entry["version"], entry["digest"])
