"""State stores that go through the gate: in memory, or RocksDB in a real folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ofs.ports import StateStore
from ofs.state.memory import MemoryStateStore
from ofs.state.rocks import RocksStateStore
from tests.simulation.gate import Gate


class GatedStore:
    """A store as the run sees it. Closing is not a call that can fail: a dead process does not close anything."""

    def __init__(self, inner: StateStore, gate: Gate, name: str) -> None:
        self._inner = inner
        self._gate = gate
        self._name = name

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        """See StateStore."""
        with self._gate.call("state.write", self._name):
            self._inner.write(puts, deletes)

    def get(self, key: bytes) -> bytes | None:
        """See StateStore."""
        with self._gate.call("state.read", self._name):
            return self._inner.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """See StateStore."""
        with self._gate.call("state.read", self._name):
            return self._inner.get_many(keys)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See StateStore."""
        with self._gate.call("state.read", self._name):
            entries = list(self._inner.scan(prefix))
        return iter(entries)

    def close(self) -> None:
        """See StateStore."""
        self._inner.close()


def open_store(folder: Path | None, gate: Gate, name: str) -> GatedStore:
    """An empty store: in memory without a folder."""
    with gate.call("state.open", name):
        inner = MemoryStateStore() if folder is None else RocksStateStore(folder)
        return GatedStore(inner, gate, name)
