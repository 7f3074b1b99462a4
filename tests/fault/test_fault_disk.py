"""A full disk: one clear error, nothing half-written, and with room the same command completes what it began."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ofs.cli.failures import run
from ofs.cli.main import root
from ofs.errors import ExitCode
from ofs.native import core
from ofs.sources.archive import export, verify
from ofs.sources.archive.manifest import load_manifest
from ofs.sources.memory import MemoryLog, Record
from tests.unit.cli.scene import Scene, build

SMALL: Final = "100k"
LARGE: Final = "64m"


class Disk:
    """A mounted tmpfs of a size that can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount(f"size={SMALL}")

    def _mount(self, options: str) -> None:
        mount = shutil.which("mount") or "mount"
        done = subprocess.run(
            [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise OSError(done.stderr.strip())

    def make_room(self) -> None:
        """Make it large, with what is on it."""
        self._mount(f"remount,size={LARGE}")

    def files(self) -> set[str]:
        """What stands on it, without folders."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}

    def close(self) -> None:
        subprocess.run([shutil.which("umount") or "umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Skipped where no file system may be mounted; under CI that is a failure."""
    try:
        made = Disk(tmp_path / "disk")
    except OSError as error:
        if os.environ.get("CI"):
            pytest.fail(f"a tmpfs cannot be mounted, and CI asks for it: {error}")
        pytest.skip(f"a tmpfs cannot be mounted: {error}")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log as an archive, and the decisions of a live plane; its outputs are larger than the small disk."""
    made = build(tmp_path_factory.mktemp("scene"))
    assert run(root, made.replay_arguments(made.folder / "whole")) == ExitCode.ALL_MATCH
    written = sum(path.stat().st_size for path in (made.folder / "whole").iterdir())
    assert written > 120 * 1024
    return made


def check_full(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Expect exit code 4, nothing on stdout, and one line that says that the disk is full."""
    capsys.readouterr()
    assert run(root, arguments) == ExitCode.UNREACHABLE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "No space left on device" in err or "disk" in err


def outputs(folder: Path) -> dict[str, object]:
    """The digests of a run's outputs."""
    found: dict[str, object] = json.loads((folder / "run.json").read_bytes())["outputs"]
    return found


def test_a_replay_to_a_full_disk_leaves_nothing_and_completes_later(
    scene: Scene, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the folder is there nor anything aside; with room the command gives the outputs of an undisturbed run."""
    out = disk.folder / "out"
    check_full(scene.replay_arguments(out), capsys)
    assert disk.files() == set()
    assert list(disk.folder.iterdir()) == []
    disk.make_room()
    assert run(root, scene.replay_arguments(out)) == ExitCode.ALL_MATCH
    assert outputs(out) == outputs(scene.folder / "whole")


@pytest.mark.skipif(core is None, reason="the reference engine keeps its state in memory")
def test_a_state_on_a_full_disk_ends_the_run_and_completes_later(
    scene: Scene, disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the state cannot be kept, no outputs are written; with room the command completes, with equal outputs."""
    arguments = [*scene.replay_arguments(tmp_path / "out"), "--state", str(disk.folder / "state")]
    check_full(arguments, capsys)
    assert not (tmp_path / "out").exists()
    disk.make_room()
    assert run(root, arguments) == ExitCode.ALL_MATCH
    names = ("parity.jsonl", "snapshots.jsonl", "deadletter.jsonl")
    found, expected = outputs(tmp_path / "out"), outputs(scene.folder / "whole")
    assert [found[name] for name in names] == [expected[name] for name in names]


def test_an_export_to_a_full_disk_stays_sound_and_completes_later(
    disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fitted is a valid archive; with room the same command extends it to what an undisturbed export gives."""
    log = MemoryLog()
    log.create("s", 3, topic_id="t1")
    for partition in range(3):
        # values that do not compress: a partition is about 60 kB
        values = (os.urandom(150) for _ in range(400))
        log.append("s", partition, *(Record(value, log_ts_us=number) for number, value in enumerate(values)))
    export(log, "s", tmp_path / "source")
    out = disk.folder / "archive"
    arguments = [
        "archive",
        "export",
        "--events",
        f"archive:{tmp_path / 'source'}",
        "--stream",
        "s",
        "--out",
        str(out),
    ]
    check_full(arguments, capsys)
    assert not [name for name in disk.files() if name.endswith(".partial")]
    assert verify(out).problems == ()
    manifest = load_manifest(out / "s")
    assert manifest is not None
    assert [entry.end for entry in manifest.partitions] == [400, 0, 0]
    disk.make_room()
    assert run(root, arguments) == ExitCode.ALL_MATCH
    found, expected = load_manifest(out / "s"), load_manifest(tmp_path / "source" / "s")
    assert found is not None
    assert expected is not None
    assert [part.content_root for part in found.partitions] == [
        part.content_root for part in expected.partitions
    ]
    assert verify(out).is_sound


def test_an_import_to_a_full_disk_leaves_nothing(
    scene: Scene, disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An import appears whole or not at all; with room the same command completes."""
    log = tmp_path / "log.ndjson"
    log.write_text(
        "".join(
            json.dumps({"partition": 0, "offset": n, "timestamp_us": n, "value": os.urandom(200).hex()})
            + "\n"
            for n in range(3_000)
        ),
        "utf-8",
    )
    arguments = ["archive", "import", str(log), "--stream", "s", "--out", str(disk.folder / "archive")]
    check_full(arguments, capsys)
    assert disk.files() == set()
    disk.make_room()
    assert run(root, arguments) == ExitCode.ALL_MATCH
    assert verify(disk.folder / "archive").is_sound
