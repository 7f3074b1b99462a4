"""A full disk under the state folder: one clear error, and everything that was there stays valid."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ofs.errors import StateError
from ofs.state.folder import LiveState, StateFolder
from ofs.state.inventory import verify
from tests.unit.state.scene import STREAM, facts, fold_to, held_by, identity, with_checkpoints


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False)
    if done.returncode != 0:
        message = "no tmpfs can be mounted here (it needs root)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def _fill(state: LiveState, chance: random.Random) -> None:
    """Fold and take checkpoints until the disk is full."""
    for frontier in range(1_000, 10**6, 1_000):
        state.write([(b"r%d.%d" % (frontier, number), chance.randbytes(60)) for number in range(1_000)])
        fold_to(state, frontier)
        state.take(facts(frontier))


def test_a_full_disk_is_one_error_and_the_next_run_goes_on(small_disk: Path) -> None:
    """It says what to do; closing adds no error of its own; the checkpoints are sound, and with room it goes on."""
    with_checkpoints(small_disk, 100)
    state = StateFolder(small_disk).open(identity(), StateFolder(small_disk).checkpoints(STREAM, 3))
    with pytest.raises(StateError, match=r"No space left.*make room"):
        _fill(state, random.Random(1))
    state.close()
    assert [item.problems for item in verify(small_disk, lambda _done, _total: None) if item.problems] == []
    assert [path.name for path in small_disk.glob("*/3/*/*")] == ["checkpoints"]
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    found = StateFolder(small_disk).checkpoints(STREAM, 3)
    again = StateFolder(small_disk).open(identity(), found[::-1])
    assert held_by(again) == found[-1].frontier > 100
    fold_to(again, found[-1].frontier + 5_000)
    again.take(facts(found[-1].frontier + 5_000))
    again.close()
