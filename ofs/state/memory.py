"""State in memory: for tests and for runs that keep nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ofs.errors import StateError


class MemoryStateStore:
    """StateStore over a dict. Puts are applied before deletes; a scan shows the entries as they were when it began."""

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}
        self._closed = False

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        """Apply all or nothing."""
        self._check_open()
        added, removed = dict(puts), list(deletes)
        self._entries.update(added)
        for key in removed:
            self._entries.pop(key, None)

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none."""
        self._check_open()
        return self._entries.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        self._check_open()
        return [self._entries.get(key) for key in keys]

    def scan_many(
        self, prefixes: list[bytes], firsts: list[bytes] | None = None
    ) -> list[list[tuple[bytes, bytes]]]:
        """The entries under each prefix, as `scan` gives them, from its first key on."""
        self._check_open()
        pairs = zip(prefixes, firsts or prefixes, strict=True)
        return [[entry for entry in self.scan(prefix) if entry[0] >= first] for prefix, first in pairs]

    def last(self, prefix: bytes, upto: bytes) -> tuple[bytes, bytes] | None:
        """The last entry under the prefix up to a key."""
        return max((entry for entry in self.scan(prefix) if entry[0] <= upto), default=None)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key starts with the prefix, in byte order."""
        self._check_open()
        return iter(sorted(entry for entry in self._entries.items() if entry[0].startswith(prefix)))

    def close(self) -> None:
        """Forget everything; calling it again does nothing."""
        self._entries = {}
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StateError("the state store is closed")
