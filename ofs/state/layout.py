"""Where the states of a state folder lie, and the locks on them.

    DIR/<stream, percent-encoded>/<partition>/<state id>/live-<pid>-<random>/db     a running fold's, thrown away
    DIR/<stream, percent-encoded>/<partition>/<state id>/checkpoints/<frontier, 20 digits>/{db/, manifest.json}
    …/checkpoints/<frontier>.damaged                                                set aside, never used

Whoever opens or makes a live folder holds the state's folder shared, whoever removes or renames something in it holds
it alone; the lock is flock's, on the folder itself, so it ends with its holder. A live folder is locked by its process.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from ofs.errors import StateError

CHECKPOINTS: Final = "checkpoints"
DATABASE: Final = "db"
LIVE: Final = "live-"
DAMAGED: Final = ".damaged"
_REMOVED: Final = ".removed"

_STATE_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FRONTIER: Final = re.compile(r"[0-9]{20}", re.ASCII)
_PARTITION: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def partition_folder(root: Path, stream: str, partition: int) -> Path:
    """The folder of a partition's states; the stream's part never starts with a dot."""
    name = quote(stream, safe="")
    return root / (f"%2E{name[1:]}" if name.startswith(".") else name) / str(partition)


def frontier_name(frontier: int) -> str:
    """The name of the folder of a checkpoint at a cut."""
    return f"{frontier:020d}"


def partitions(root: Path) -> list[tuple[str, int, Path]]:
    """(stream, partition, folder) of every partition of a state folder, sorted."""
    with mapped(root):
        found = [
            (unquote(stream.name), int(folder.name), folder)
            for stream in root.iterdir()
            if stream.is_dir() and not stream.name.startswith(".")
            for folder in stream.iterdir()
            if folder.is_dir() and _PARTITION.fullmatch(folder.name)
        ]
    return sorted(found)


def states(partition: Path) -> list[Path]:
    """The folders of a partition's states, sorted by state id; none where the partition has no folder."""
    with mapped(partition):
        return sorted(
            path for path in _entries(partition) if _STATE_ID.fullmatch(path.name) and path.is_dir()
        )


def checkpoints(state: Path) -> list[tuple[int, Path]]:
    """(frontier, folder) of a state's checkpoints, ascending; those set aside are left out."""
    with mapped(state):
        found = [path for path in _entries(state / CHECKPOINTS) if _FRONTIER.fullmatch(path.name)]
    return sorted((int(path.name), path) for path in found)


def set_aside_folders(state: Path) -> list[Path]:
    """The damaged checkpoints that were set aside, sorted."""
    with mapped(state):
        return sorted(
            path
            for path in _entries(state / CHECKPOINTS)
            if DAMAGED in path.name and not path.name.endswith(_REMOVED)
        )


def set_aside(checkpoint: Path) -> Path:
    """Rename a damaged checkpoint's folder so that nothing uses it; gives the new path. Raises OSError."""
    number, aside = 1, checkpoint.with_name(checkpoint.name + DAMAGED)
    while aside.exists():
        number += 1
        aside = checkpoint.with_name(f"{checkpoint.name}{DAMAGED}-{number}")
    checkpoint.rename(aside)
    sync_folder(aside.parent)
    return aside


def remove_dead(state: Path) -> list[Path]:
    """Remove the live folders of processes that are gone; gives their paths. The state is to be held alone."""
    removed = []
    with mapped(state):
        for path in _entries(state):
            if path.name.startswith(LIVE) and _is_dead(path):
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
        for path in _entries(state / CHECKPOINTS):
            if path.name.endswith(_REMOVED):
                shutil.rmtree(path, ignore_errors=True)
    return removed


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint, its name first, so that none is ever there by half. Raises OSError."""
    doomed = path.with_name(path.name + _REMOVED)
    shutil.rmtree(doomed, ignore_errors=True)
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def lock_live(live: Path) -> int:
    """Lock a live folder for this process; close the handle to release it. Raises OSError."""
    handle = os.open(live, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


@contextmanager
def held(state: Path, *, alone: bool) -> Iterator[None]:
    """Hold a state's folder, alone or with others; waits for whoever holds it the other way."""
    with mapped(state):
        handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with mapped(state):
            fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """OSError as StateError that names the file."""
    try:
        yield
    except OSError as error:
        raise StateError(
            f"state {error.filename or path}: {error.strerror or error}",
            hint="make room and give access, then run again; checkpoints that are there stay valid",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entries(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.iterdir())
    return []


def _is_dead(live: Path) -> bool:
    """Whether nobody holds the live folder's lock."""
    try:
        os.close(lock_live(live))
    except OSError:
        return False
    return True
