"""What a state folder holds, whether it is sound, and what can go: for people, not for runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ofs.contracts.checkpoint import CheckpointManifest
from ofs.errors import StateError
from ofs.ports import StateStore
from ofs.state.checkpoint import NotSoundError, check, problems, read_manifest
from ofs.state.layout import (
    CHECKPOINTS,
    DATABASE,
    checkpoints,
    frontier_name,
    held,
    mapped,
    partition_folder,
    partitions,
    remove_checkpoint,
    remove_dead,
    set_aside_folders,
    states,
)
from ofs.state.policy import superfluous
from ofs.state.rocks import RocksStateStore

_TABLE = ".sst"
Progress = Callable[[int, int], None]
"""Called with the checkpoints done and their number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A checkpoint on disk. `manifest`: None where it cannot be used, `problem` then says why."""

    stream: str
    partition: int
    state_id: str
    frontier: int
    path: Path
    manifest: CheckpointManifest | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """All checkpoints, by stream, partition, state and frontier; and those that were set aside as damaged."""

    entries: tuple[Entry, ...]
    set_aside: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A checkpoint with all that is wrong with it; nothing where it is sound."""

    entry: Entry
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: checkpoints by policy, those that were set aside, live folders of processes that are gone."""

    checkpoints: tuple[Entry, ...]
    set_aside: tuple[Path, ...]
    left_behind: tuple[Path, ...]


def inventory(root: Path) -> Inventory:
    """Read every manifest below a state folder; files are not looked at. Raises StateError."""
    _check_folder(root)
    entries: list[Entry] = []
    aside: list[Path] = []
    for stream, partition, folder in partitions(root):
        for state in states(folder):
            entries.extend(_entries(stream, partition, state))
            aside.extend(set_aside_folders(state))
    return Inventory(tuple(entries), tuple(aside))


def verify(root: Path, progress: Progress) -> tuple[Checked, ...]:
    """Read every file of every checkpoint and compare it with its manifest; changes nothing. Raises StateError."""
    entries = inventory(root).entries
    checked = []
    for done, entry in enumerate(entries, 1):
        if entry.manifest is None:
            checked.append(Checked(entry, (entry.problem or "",)))
        else:
            with held(entry.path.parent.parent, alone=False):
                found = problems(entry.path, entry.manifest) if entry.path.exists() else []
            checked.append(Checked(entry, tuple(found)))
        progress(done, len(entries))
    return tuple(checked)


def prune(root: Path, keep: int) -> Pruned:
    """Thin out every state, see `ofs.state.policy`, and remove what is of no use to any run.

    Checkpoints that cannot be used count as none; they stay until a run sets them aside. A run that is going on is not
    disturbed. Bounds: keep >= 1. Raises StateError.
    """
    _check_folder(root)
    removed: list[Entry] = []
    aside: list[Path] = []
    left: list[Path] = []
    for stream, partition, folder in partitions(root):
        for state in states(folder):
            with held(state, alone=True), mapped(state):
                left.extend(remove_dead(state))
                usable = {e.frontier: e for e in _entries(stream, partition, state) if e.manifest is not None}
                for frontier in superfluous(usable, keep):
                    remove_checkpoint(usable[frontier].path)
                    removed.append(usable[frontier])
                for path in set_aside_folders(state):
                    shutil.rmtree(path)
                    aside.append(path)
    return Pruned(tuple(removed), tuple(aside), tuple(left))


@contextmanager
def reading(root: Path, manifest: CheckpointManifest) -> Iterator[StateStore]:
    """The entries of a checkpoint that is checked first; nothing is written below the state folder.

    Raises StateError where it is damaged or gone.
    """
    state = partition_folder(root, manifest.state.stream, manifest.state.partition) / manifest.state_id
    path = state / CHECKPOINTS / frontier_name(manifest.frontier)
    with TemporaryDirectory(prefix="ofs-state-") as folder:
        database = Path(folder) / DATABASE
        # linked tables are read while the checkpoint is held, so that no other process removes it meanwhile
        with held(state, alone=False):
            try:
                check(path)
            except NotSoundError as error:
                raise StateError(f"checkpoint {path}: {error}", hint="run `ofs state verify`") from error
            with mapped(path):
                _point_to(path / DATABASE, database)
            store = RocksStateStore(database, is_read_only=True)
            try:
                yield store
            finally:
                store.close()


def _point_to(source: Path, target: Path) -> None:
    """A database of symbolic links to the tables and copies of the rest. Raises OSError."""
    target.mkdir()
    for path in source.resolve().iterdir():
        if path.suffix == _TABLE:
            (target / path.name).symlink_to(path)
        else:
            shutil.copyfile(path, target / path.name)


def _entries(stream: str, partition: int, state: Path) -> Iterator[Entry]:
    for frontier, path in checkpoints(state):
        manifest, problem = None, None
        try:
            manifest = read_manifest(path)
        except NotSoundError as error:
            problem = str(error)
        yield Entry(stream, partition, state.name, frontier, path, manifest, problem)


def _check_folder(root: Path) -> None:
    if not root.is_dir():
        raise StateError(
            f"state {root}: not a folder", hint="give the folder that `--state` named in a replay"
        )
