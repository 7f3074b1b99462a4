"""The n-th call on the file system fails, or its process is killed there: a checkpoint is there whole, or not."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from ofs.contracts.checkpoint import CheckpointManifest
from ofs.errors import StateError
from ofs.state.folder import StateFolder
from ofs.state.inventory import prune, verify
from tests.unit.state.scene import STREAM, facts, fold_to, held_by, identity, with_checkpoints

_CALLS: Final = frozenset(
    {
        "open",
        "os.rename",
        "os.mkdir",
        "os.link",
        "os.listdir",
        "os.scandir",
        "fcntl.flock",
        "tempfile.mkdtemp",
    }
)
"""What Python does to files and tells its audit hooks; RocksDB's own calls are not among them."""
_CHANGES: Final = frozenset({"os.remove", "os.rmdir"})


class _Failing:
    """Fails the n-th call below a folder, once, or kills the process there; counts them."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.left = 0
        self.kills = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.root is None or event not in _CALLS | _CHANGES:
            return
        if event != "fcntl.flock" and self.root not in str(arguments[0]):
            return
        self.left -= 1
        if self.left == 0 and self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.root)

    @contextmanager
    def at(self, root: Path, number: int) -> Iterator[None]:
        """The call of this number fails."""
        self.root, self.left = str(root), number
        try:
            yield
        finally:
            self.root = None


_FAILING: Final = _Failing()
sys.addaudithook(_FAILING)


def _go_on(root: Path) -> None:
    """From the best checkpoint to 30, one on the way and one at the end, the oldest thinned out."""
    folder = StateFolder(root, keep=1)
    found = folder.checkpoints(STREAM, 3)
    state = folder.open(identity(), sorted(found, key=lambda manifest: -manifest.frontier))
    try:
        for frontier in (20, 30):
            if held_by(state) < frontier:
                fold_to(state, frontier)
                state.take(facts(frontier))
    finally:
        state.close()


def _sound(root: Path) -> list[int]:
    """The cuts of what is there. Fails where a checkpoint is not sound, or the newest is not the state at its cut."""
    assert [item.problems for item in verify(root, lambda _done, _total: None) if item.problems] == []
    found: list[CheckpointManifest] = StateFolder(root).checkpoints(STREAM, 3)
    state = StateFolder(root).open(identity(), found[-1:])
    assert held_by(state) == found[-1].frontier
    state.close()
    return [manifest.frontier for manifest in found]


def _failure(call: Callable[[], object]) -> str | None:
    """The message of the StateError that a call ends in; None where it ends well."""
    try:
        call()
    except StateError as error:
        return str(error)
    return None


def test_a_checkpoint_is_of_before_or_of_after_whatever_call_fails(tmp_path: Path) -> None:
    """A failure is one StateError or none; what is there is sound, and the run started again ends as it should."""
    number, failures, is_disturbed = 0, 0, True
    with_checkpoints(tmp_path / "before", 5, 10)
    while is_disturbed:
        number += 1
        root = tmp_path / f"{number:04d}"
        shutil.copytree(tmp_path / "before", root)
        with _FAILING.at(root, number):
            failure = _failure(partial(_go_on, root))
            is_disturbed = _FAILING.left <= 0
        failures += failure is not None
        assert "No space left" in (failure or "No space left")
        assert _sound(root)[-1] in (10, 20, 30)
        _go_on(root)
        assert _sound(root)[-1] == 30
        assert [path.name for path in root.glob("*/3/*/*")] == ["checkpoints"]
    assert failures > 20


def die(root: Path, number: int) -> None:
    """Go on until the call of this number, and be killed there."""
    _FAILING.kills = True
    with _FAILING.at(root, number):
        _go_on(root)


@pytest.mark.parametrize("number", range(2, 62, 5))
def test_a_checkpoint_is_there_whole_or_not_wherever_its_process_is_killed(
    tmp_path: Path, number: int
) -> None:
    """What it left in its live folder is removed by the next run, which goes on from the last checkpoint."""
    with_checkpoints(tmp_path, 5, 10)
    code = (
        "import sys; from pathlib import Path; from tests.fault.test_fault_checkpoint_nth_call import die; "
        "die(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    repository = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(number)], check=False, cwd=repository
    )
    assert done.returncode == -signal.SIGKILL
    _go_on(tmp_path)
    assert _sound(tmp_path)[-1] == 30
    assert [path.name for path in tmp_path.glob("*/3/*/*")] == ["checkpoints"]


@pytest.mark.parametrize("number", range(1, 12))
def test_pruning_that_fails_leaves_sound_checkpoints(tmp_path: Path, number: int) -> None:
    """What it did not come to is there as it was."""
    with_checkpoints(tmp_path, *range(1, 9))
    with _FAILING.at(tmp_path, number):
        failure = _failure(partial(prune, tmp_path, 1))
    assert "No space left" in (failure or "No space left")
    assert _sound(tmp_path)[-1] == 8
    prune(tmp_path, 1)
    assert _sound(tmp_path) == [1, 4, 6, 7, 8]
