"""Checkpoints that outlive a launch, and live states that do not: in memory, or in a real state folder with RocksDB."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from pathlib import Path
from typing import Final, Protocol

from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity, files_digest
from ofs.errors import StateError
from ofs.ports import StateStore
from ofs.state.folder import CheckpointFacts, LiveState, StateFolder
from ofs.state.memory import MemoryStateStore
from ofs.units import OffsetRange, merge_ranges
from tests.simulation.gate import Gate

Entries = list[tuple[bytes, bytes]]


class Live(StateStore, Protocol):
    """A state that a fold works on."""

    @property
    def checkpoint(self) -> CheckpointManifest | None: ...

    def take(self, facts: CheckpointFacts) -> CheckpointManifest: ...


class Shelf(Protocol):
    """Where checkpoints are kept from launch to launch."""

    def checkpoints(self, stream: str, partition: int) -> list[CheckpointManifest]:
        """All of a partition's."""
        ...

    def open(self, identity: StateIdentity, candidates: Sequence[CheckpointManifest]) -> Live:
        """A live state, of the first candidate that can be used, or empty."""
        ...

    def died(self, live: Live) -> None:
        """The process with this live state was killed."""
        ...


class MemoryShelf:
    """Checkpoints as entries. Some of them rot: they are gone when they are opened, as damaged ones are set aside."""

    def __init__(self) -> None:
        self._kept: Final[dict[tuple[str, int], tuple[CheckpointManifest, Entries]]] = {}

    def checkpoints(self, stream: str, partition: int) -> list[CheckpointManifest]:
        """See Shelf."""
        found = [manifest for manifest, _ in self._kept.values()]
        return [m for m in found if (m.state.stream, m.state.partition) == (stream, partition)]

    def open(self, identity: StateIdentity, candidates: Sequence[CheckpointManifest]) -> Live:
        """See Shelf."""
        for manifest in candidates:
            kept = self._kept.get((manifest.state_id, manifest.frontier))
            if kept is not None:
                return MemoryLive(self, manifest.state, manifest, kept[1])
        return MemoryLive(self, identity, None, [])

    def died(self, live: Live) -> None:
        """See Shelf: memory is gone."""

    def rot(self, number: int) -> str:
        """Lose one of the checkpoints."""
        if not self._kept:
            return "nothing"
        key = sorted(self._kept)[number % len(self._kept)]
        manifest, _ = self._kept.pop(key)
        return f"{manifest.state.stream}/{manifest.state.partition} at {manifest.frontier}"

    def publish(self, manifest: CheckpointManifest, entries: Entries) -> CheckpointManifest:
        """Put a checkpoint on the shelf; one that is there stays, if it is of the same input."""
        known, _ = self._kept.setdefault((manifest.state_id, manifest.frontier), (manifest, entries))
        if known.input_digest != manifest.input_digest:
            raise StateError("a checkpoint of other input is there")
        return known


class MemoryLive(MemoryStateStore):
    """A live state in memory, over a copy of a checkpoint's entries."""

    def __init__(
        self,
        shelf: MemoryShelf,
        identity: StateIdentity,
        checkpoint: CheckpointManifest | None,
        entries: Entries,
    ) -> None:
        super().__init__()
        self.checkpoint: Final = checkpoint
        self._shelf: Final = shelf
        self._identity: Final = identity
        self.write(entries)

    def take(self, facts: CheckpointFacts) -> CheckpointManifest:
        """See LiveState."""
        manifest = CheckpointManifest(
            state_id=self._identity.state_id,
            state=self._identity,
            topic_id=facts.topic_id,
            groups=tuple(sorted(facts.groups, key=lambda group: (group.name, group.version))),
            start_from=facts.start_from,
            since=self._identity.start,
            frontier=facts.frontier,
            watermark_us=facts.watermark_us,
            input_digest=facts.input_digest,
            unread=self._unread(facts),
            files=(),
            content_digest=files_digest(()),
            created_from=facts.created_from,
        )
        return self._shelf.publish(manifest, list(self.scan(b"")))

    def _unread(self, facts: CheckpointFacts) -> tuple[tuple[int, int], ...]:
        """As LiveState has it."""
        before = () if self.checkpoint is None else self.checkpoint.unread
        passed = OffsetRange(self._identity.start, facts.frontier)
        spans = (span.intersection(passed) for span in (*starmap(OffsetRange, before), *facts.unread))
        return tuple(
            (gap.start, gap.end) for gap in merge_ranges([span for span in spans if span is not None])
        )


class FolderShelf:
    """A real state folder. A killed process leaves its live folders there, without their locks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def checkpoints(self, stream: str, partition: int) -> list[CheckpointManifest]:
        """See Shelf."""
        return StateFolder(self._root).checkpoints(stream, partition)

    def open(self, identity: StateIdentity, candidates: Sequence[CheckpointManifest]) -> Live:
        """See Shelf."""
        return StateFolder(self._root).open(identity, candidates)

    def died(self, live: Live) -> None:
        """See Shelf."""
        if isinstance(live, LiveState) and live._live._handle is not None:
            live._store.close()
            os.close(live._live._handle)
            live._live._handle = None


class GatedState(LiveState):
    """A live state as the run sees it. A LiveState, as only such a one is asked for checkpoints."""

    def __init__(self, shelf: Shelf, inner: Live, gate: Gate, name: str) -> None:
        # not LiveState's own: every method goes to the inner state
        self._shelf = shelf
        self._inner = inner
        self._gate = gate
        self._name = name
        self.checkpoint = inner.checkpoint  # type: ignore[misc]  # Final there, and this is its one assignment

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
        with self._gate.call("state.read", f"{self._name} {len(keys)} keys"):
            return self._inner.get_many(keys)

    def scan_many(
        self, prefixes: list[bytes], firsts: list[bytes] | None = None
    ) -> list[list[tuple[bytes, bytes]]]:
        """See StateStore."""
        with self._gate.call("state.read", f"{self._name} {len(prefixes)} prefixes"):
            return self._inner.scan_many(prefixes, firsts)

    def last(self, prefix: bytes, upto: bytes) -> tuple[bytes, bytes] | None:
        """See StateStore."""
        with self._gate.call("state.read", self._name):
            return self._inner.last(prefix, upto)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See StateStore."""
        with self._gate.call("state.read", self._name):
            entries = list(self._inner.scan(prefix))
        return iter(entries)

    def take(self, facts: CheckpointFacts) -> CheckpointManifest:
        """See LiveState."""
        with self._gate.call("state.take", f"{self._name} at {facts.frontier}"):
            return self._inner.take(facts)

    def close(self) -> None:
        """See LiveState. A dead process closes nothing."""
        if self._gate.is_dead:
            self._shelf.died(self._inner)
        else:
            self._inner.close()
