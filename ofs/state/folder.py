"""The state folder as a run uses it: open a partition's state from its best checkpoint, take checkpoints on the way.

    folder = StateFolder(path)
    manifests = folder.checkpoints(stream, partition)        # sound manifests, for the planner to choose from
    state = folder.open(identity, candidates)                # best first; `state` is a StateStore
    state.checkpoint                                         # the manifest it starts from, None for an empty state
    state.take(CheckpointFacts(...))                         # after the frontier's write
    state.close()

A running fold works on a live folder of its own, which is thrown away when it closes, or by the next run where it was
killed: what survives is checkpoints alone. Any number of runs may use one state folder at once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Final, Literal

from ofs.contracts import FeatureGroupRef
from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity, files_digest
from ofs.errors import StateError
from ofs.state.checkpoint import (
    NotSoundError,
    TableDigests,
    check,
    list_files,
    read_manifest,
    write_manifest,
)
from ofs.state.layout import (
    CHECKPOINTS,
    DATABASE,
    LIVE,
    checkpoints,
    frontier_name,
    held,
    lock_live,
    mapped,
    partition_folder,
    remove_checkpoint,
    remove_dead,
    set_aside,
    states,
    sync_folder,
)
from ofs.state.policy import KEEP, superfluous
from ofs.state.rocks import CACHE_BYTES, RocksStateStore
from ofs.units import OffsetRange, merge_ranges

_ASIDE: Final = "checkpoint"
_TABLE: Final = ".sst"


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """What the run knows of the state that it takes a checkpoint of; see CheckpointManifest.

    The state's last write is the one that brought it to `frontier`. `unread`: what of the offsets that this run passed
    over the log did not hold; those of the checkpoint that it started from are added. `is_last`: the run takes no more.
    """

    frontier: int
    start_from: Literal["origin", "bound"]
    topic_id: str | None
    groups: tuple[FeatureGroupRef, ...]
    watermark_us: int | None
    input_digest: str
    created_from: str
    unread: tuple[OffsetRange, ...] = ()
    is_last: bool = False


class StateFolder:
    """States and their checkpoints below one folder; made where it is missing.

    `cache_bytes`: of each state that is open. `keep`: how many of a state's newest checkpoints are all kept, see
    `ofs.state.policy`. `reads_tables`: False to compare table files by size alone when a checkpoint is opened; RocksDB
    then checks each block when it reads it, and damage ends in a StateError then.
    Raises StateError where the folder cannot be read or written.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        cache_bytes: int = CACHE_BYTES,
        keep: int = KEEP,
        reads_tables: bool = True,
    ) -> None:
        self._root: Final = Path(root)
        self._cache_bytes: Final = cache_bytes
        self._keep: Final = keep
        self._reads_tables: Final = reads_tables
        self._notices: Final[list[str]] = []

    @property
    def notices(self) -> tuple[str, ...]:
        """What its user should know: checkpoints that were set aside or left alone, by their paths."""
        return tuple(sorted(self._notices))

    def checkpoints(self, stream: str, partition: int) -> list[CheckpointManifest]:
        """The manifests of a partition's checkpoints, of all its states; a damaged one is set aside, with a notice.

        The files are not looked at: `open` checks those of the checkpoint that it uses.
        """
        found = []
        for state in states(partition_folder(self._root, stream, partition)):
            for _, path in checkpoints(state):
                try:
                    found.append(read_manifest(path))
                except NotSoundError as error:
                    self._refuse(path, error)
        return found

    def open(self, identity: StateIdentity, candidates: Iterable[CheckpointManifest] = ()) -> LiveState:
        """A state to go on with: of the first candidate that is sound, or an empty one of `identity`.

        `candidates`: best first, as the planner gives them; each names its own state. One that is damaged is set aside,
        with a notice; one that is gone meanwhile is passed over.
        """
        for manifest in candidates:
            live = self._restored(manifest)
            if live is not None:
                return live
        return self._opened(self._state(identity), identity, None)

    def examine(self, manifest: CheckpointManifest) -> bool:
        """Whether a checkpoint is sound in every byte; it is set aside where it is not, with a notice.

        For a run without `reads_tables` that failed on what it read: where this says False, it may be run again.
        """
        state = self._state(manifest.state)
        path = state / CHECKPOINTS / frontier_name(manifest.frontier)
        if not path.exists():
            return False
        try:
            with held(state, alone=False):
                check(path)
        except NotSoundError as error:
            self._refuse(path, error)
            return False
        return True

    def _restored(self, manifest: CheckpointManifest) -> LiveState | None:
        state = self._state(manifest.state)
        path = state / CHECKPOINTS / frontier_name(manifest.frontier)
        try:
            return self._opened(state, manifest.state, path)
        except NotSoundError as error:
            if path.exists():
                self._refuse(path, error)
            return None

    def _opened(self, state: Path, identity: StateIdentity, source: Path | None) -> LiveState:
        """A live folder, filled from a checkpoint that is checked first. Raises NotSoundError."""
        digests = TableDigests()
        with mapped(state):
            state.mkdir(parents=True, exist_ok=True)
        with held(state, alone=True):
            remove_dead(state)
        with held(state, alone=False):
            manifest = None if source is None else check(source, digests, reads_tables=self._reads_tables)
            live = _Live(state)
            try:
                if source is not None:
                    with mapped(live.path):
                        _link(source / DATABASE, live.database)
                try:
                    store = RocksStateStore(live.database, cache_bytes=self._cache_bytes, is_logged=False)
                except StateError:
                    if source is not None:
                        check(source)
                    raise
            except BaseException:
                live.discard()
                raise
        return LiveState(state, live, store, identity, manifest, digests, self._keep, self._refuse)

    def _state(self, identity: StateIdentity) -> Path:
        return partition_folder(self._root, identity.stream, identity.partition) / identity.state_id

    def _refuse(self, path: Path, error: NotSoundError) -> None:
        """Set a damaged checkpoint aside; one of another format is left alone. Either is said."""
        if not error.is_damaged:
            self._notices.append(f"checkpoint {path} is not used: {error}")
            return
        state = path.parent.parent
        with held(state, alone=True), mapped(path), suppress(FileNotFoundError):
            aside = set_aside(path)
            self._notices.append(f"checkpoint {path} is damaged and set aside as {aside.name}: {error}")


class LiveState:
    """StateStore over a live folder, from which checkpoints are taken. Made by StateFolder.open."""

    def __init__(
        self,
        state: Path,
        live: _Live,
        store: RocksStateStore,
        identity: StateIdentity,
        checkpoint: CheckpointManifest | None,
        digests: TableDigests,
        keep: int,
        refuse: Callable[[Path, NotSoundError], None],
    ) -> None:
        self.identity: Final = identity
        self.checkpoint: Final = checkpoint
        """What it started from; None: it was empty."""
        self._state: Final = state
        self._live: Final = live
        self._store: Final = store
        self._digests: Final = digests
        self._keep: Final = keep
        self._refuse: Final = refuse

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        """See StateStore."""
        self._store.write(puts, deletes)

    def get(self, key: bytes) -> bytes | None:
        """See StateStore."""
        return self._store.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """See StateStore."""
        return self._store.get_many(keys)

    def scan_many(
        self, prefixes: list[bytes], firsts: list[bytes] | None = None
    ) -> list[list[tuple[bytes, bytes]]]:
        """See StateStore."""
        return self._store.scan_many(prefixes, firsts)

    def last(self, prefix: bytes, upto: bytes) -> tuple[bytes, bytes] | None:
        """See StateStore."""
        return self._store.last(prefix, upto)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See StateStore."""
        return self._store.scan(prefix)

    def take(self, facts: CheckpointFacts) -> CheckpointManifest:
        """Make a checkpoint of what was written, and thin out the state's older ones.

        Where one is there at this cut already, from the same input, that one stays. After a failure no checkpoint was
        made, and the state can be used on.
        Raises StateError, also where the one that is there was made from other input.
        """
        aside = self._live.path / _ASIDE
        if facts.is_last:
            self._store.end_merging()  # what a merge would make is thrown away with the live folder
        try:
            manifest = self._written(aside, facts)
            target = self._state / CHECKPOINTS / frontier_name(manifest.frontier)
            if target.exists():
                self._examine(target)
            with held(self._state, alone=True), mapped(self._state):
                manifest = _publish(aside, target, manifest)
                self._thin_out()
            return manifest
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def close(self) -> None:
        """Throw the live folder away; calling it again does nothing."""
        with suppress(StateError):  # a full disk: what cannot be flushed is thrown away all the same
            self._store.close()
        self._live.discard()

    def _written(self, aside: Path, facts: CheckpointFacts) -> CheckpointManifest:
        """The checkpoint in the live folder, durable, its manifest written last."""
        with mapped(aside):
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            self._store.checkpoint(aside / DATABASE)
            files = list_files(aside / DATABASE, self._digests)
            manifest = CheckpointManifest(
                state_id=self.identity.state_id,
                state=self.identity,
                topic_id=facts.topic_id,
                groups=tuple(sorted(facts.groups, key=lambda group: (group.name, group.version))),
                start_from=facts.start_from,
                since=self.identity.start,
                frontier=facts.frontier,
                unread=self._unread(facts),
                watermark_us=facts.watermark_us,
                input_digest=facts.input_digest,
                files=files,
                content_digest=files_digest(files),
                created_from=facts.created_from,
            )
            write_manifest(aside, manifest)
        return manifest

    def _unread(self, facts: CheckpointFacts) -> tuple[tuple[int, int], ...]:
        before = () if self.checkpoint is None else self.checkpoint.unread
        passed = OffsetRange(self.identity.start, facts.frontier)
        spans = (span.intersection(passed) for span in (*starmap(OffsetRange, before), *facts.unread))
        merged = merge_ranges([span for span in spans if span is not None])
        return tuple((span.start, span.end) for span in merged)

    def _examine(self, target: Path) -> None:
        """Set aside what is there already and damaged."""
        try:
            with held(self._state, alone=False):
                check(target)
        except NotSoundError as error:
            if target.exists():
                self._refuse(target, error)

    def _thin_out(self) -> None:
        """Remove what the policy gives up. Raises OSError."""
        paths = dict(checkpoints(self._state))
        for frontier in superfluous(paths, self._keep):
            remove_checkpoint(paths[frontier])


def _publish(aside: Path, target: Path, manifest: CheckpointManifest) -> CheckpointManifest:
    """Put a checkpoint in its place, unless the same is there. Raises OSError and StateError."""
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        aside.rename(target)
        sync_folder(target.parent)
        sync_folder(target.parent.parent)
        return manifest
    try:
        known = read_manifest(target)
    except NotSoundError as error:
        raise StateError(f"state {target}: {error}", hint="run again, or remove it") from error
    if known.input_digest != manifest.input_digest:
        raise StateError(
            f"state {target}: was made from other records than this run read: content digest {known.input_digest}, "
            f"this run {manifest.input_digest}",
            hint="compare the log with an archive, then remove the state of the wrong one",
        )
    return known


class _Live:
    """A locked folder of this process. Raises StateError where it cannot be made."""

    def __init__(self, state: Path) -> None:
        with mapped(state):
            self.path: Final = Path(tempfile.mkdtemp(prefix=f"{LIVE}{os.getpid()}-", dir=state))
            self._handle: int | None = lock_live(self.path)
        self.database: Final = self.path / DATABASE

    def discard(self) -> None:
        """Remove it; calling it again does nothing."""
        if self._handle is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._handle)
            self._handle = None


def _link(source: Path, target: Path) -> None:
    """A database of the same content: tables never change and are linked, everything else is copied. Raises OSError."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.suffix == _TABLE:
            try:
                (target / path.name).hardlink_to(path)
                continue
            except OSError:
                pass  # a file system without links, or too many of them
        shutil.copyfile(path, target / path.name)
