"""Rot in a checkpoint: whatever byte of whatever file is another one, it is found before anything rests on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from ofs.contracts.checkpoint import CheckpointManifest
from ofs.errors import StateError
from ofs.state.folder import StateFolder
from ofs.state.inventory import reading, verify
from tests.unit.state.scene import STREAM, folder_of, held_by, identity, with_checkpoints

KINDS: Final = (
    "*.sst",
    "MANIFEST-*",
    "CURRENT",
    "OPTIONS-*",
    "*.log",
    "rocksdict-config.json",
    "manifest.json",
)
FRONTIER: Final = 400


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CheckpointManifest]:
    """A state folder with one checkpoint."""
    root = tmp_path_factory.mktemp("sound")
    return root, with_checkpoints(root, FRONTIER)[0]


def files_of(root: Path, manifest: CheckpointManifest) -> list[Path]:
    """Every file of the checkpoint, the manifest too."""
    return sorted(path for path in folder_of(root, manifest).rglob("*") if path.is_file())


def copy_of(sound: tuple[Path, CheckpointManifest], kind: str, root: Path) -> Path:
    """A copy of the state folder in place of the last one; gives the file of this kind in it."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(sound[0], root)
    (path,) = [path for path in files_of(root, sound[1]) if path.match(kind)]
    return path


def places(size: int) -> list[int]:
    """Where a byte is flipped: both ends, and evenly between."""
    return sorted({0, size - 1, *range(0, size, max(1, size // 12))}) if size else []


def check_found(root: Path, manifest: CheckpointManifest) -> None:
    """Verification names it, inspection refuses it, and a run sets it aside and starts empty."""
    assert any(item.problems for item in verify(root, lambda _done, _total: None))
    with pytest.raises(StateError), reading(root, manifest):
        pass
    folder = StateFolder(root)
    state = folder.open(identity(), [manifest])
    assert (state.checkpoint, held_by(state)) == (None, 0)
    state.close()
    assert len(folder.notices) == 1
    assert StateFolder(root).checkpoints(STREAM, 3) == []


def test_every_kind_of_file_is_looked_at(sound: tuple[Path, CheckpointManifest]) -> None:
    """The kinds named here are all that there are, so that a new one cannot be forgotten."""
    root, manifest = sound
    of_kind = [[kind for kind in KINDS if path.match(kind)] for path in files_of(root, manifest)]
    assert sorted(kind for kinds in of_kind for kind in kinds) == sorted(KINDS)
    state = StateFolder(root).open(identity(), [manifest])
    assert held_by(state) == FRONTIER
    state.close()
    assert not any(item.problems for item in verify(root, lambda _done, _total: None))


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_is_found(sound: tuple[Path, CheckpointManifest], kind: str, tmp_path: Path) -> None:
    """At the ends and between, one bit of a byte or all of them; the size stays as it was."""
    root = tmp_path / "state"
    content = copy_of(sound, kind, root).read_bytes()
    for number, place in enumerate(places(len(content))):
        rotten = bytearray(content)
        rotten[place] ^= 0xFF if number % 2 else 1 << number % 8
        copy_of(sound, kind, root).write_bytes(rotten)
        check_found(root, sound[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_longer_shorter_or_gone_is_found(
    sound: tuple[Path, CheckpointManifest], kind: str, tmp_path: Path
) -> None:
    """Also where it was empty."""
    root = tmp_path / "state"
    content = copy_of(sound, kind, root).read_bytes()
    for rotten in {content + b"\0", content * 2, content[:-1], b""} - {content}:
        copy_of(sound, kind, root).write_bytes(rotten)
        check_found(root, sound[1])
    copy_of(sound, kind, root).unlink()
    check_found(root, sound[1])


def test_a_file_that_does_not_belong_there_is_found(
    sound: tuple[Path, CheckpointManifest], tmp_path: Path
) -> None:
    """RocksDB might read a file that the manifest does not name."""
    root = tmp_path / "state"
    copy_of(sound, "CURRENT", root).with_name("000099.log").write_bytes(b"")
    check_found(root, sound[1])


def test_a_manifest_for_one_that_was_swapped_is_found(tmp_path: Path) -> None:
    """Two sound checkpoints of one state whose databases were exchanged are both damaged."""
    taken = with_checkpoints(tmp_path, 10, 20)
    one, two = (folder_of(tmp_path, manifest) / "db" for manifest in taken)
    one.rename(tmp_path / "db")
    two.rename(one)
    (tmp_path / "db").rename(two)
    folder = StateFolder(tmp_path)
    state = folder.open(identity(), taken)
    assert state.checkpoint is None
    state.close()
    assert len(folder.notices) == 2


def test_a_byte_of_a_table_that_is_checked_when_it_is_read_never_gives_another_value(
    sound: tuple[Path, CheckpointManifest], tmp_path: Path
) -> None:
    """Without the tables' digests, a state gives what was written, is not opened, or fails; it never gives less."""
    root, failed = tmp_path / "state", 0
    content = copy_of(sound, "*.sst", root).read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        rotten = bytearray(content)
        rotten[place] ^= 0x10
        copy_of(sound, "*.sst", root).write_bytes(rotten)
        state = StateFolder(root, reads_tables=False).open(identity(), [sound[1]])
        try:
            assert state.checkpoint is None or held_by(state) == FRONTIER
            failed += state.checkpoint is None
        except StateError:
            failed += 1
        finally:
            state.close()
    assert failed >= 30
