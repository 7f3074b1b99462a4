"""Rot: a flipped bit in any file that OFS reads again is found before use, and said with the file's name."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from ofs.cli.failures import run
from ofs.cli.main import root
from ofs.errors import ArchiveError, ExitCode, OfsError
from ofs.features import Locked, Registry
from ofs.sinks.folder import FolderSink
from ofs.sinks.whole_folder import read_run
from ofs.sources.archive import ArchiveLog, verify
from ofs.sources.archive.manifest import load_manifest
from tests.unit.cli.scene import Scene, build
from topologies.card_payments.generator import STREAM

FLIPS: Final = 60
OUTPUTS: Final = ("parity.jsonl", "snapshots.jsonl", "certificate.json")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log as an archive, a registry of its own, and the outputs of a replay in `run`."""
    made = build(tmp_path_factory.mktemp("scene"))
    shutil.copytree(made.registry, made.folder / "registry")
    assert run(root, replay(made, made.folder / "run")) == ExitCode.ALL_MATCH
    return made


def replay(scene: Scene, out: Path) -> list[str]:
    """`ofs replay` of the scene, with its own registry."""
    arguments = scene.replay_arguments(out)
    arguments[arguments.index("--features") + 1] = str(scene.folder / "registry")
    return arguments


def flipped(path: Path, *, every: bool = False) -> Iterator[str]:
    """Flip one bit after the other, each at another place of the file; `every`: in each byte. The file is restored."""
    sound = path.read_bytes()
    chance = random.Random(len(sound))
    drawn = [0, len(sound) // 2, len(sound) - 1, *(chance.randrange(len(sound)) for _ in range(FLIPS))]
    try:
        for at in range(len(sound)) if every else drawn:
            bit = chance.randrange(8)
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
            yield f"{path.name}: byte {at} of {len(sound)}, bit {bit}"
    finally:
        path.write_bytes(sound)


def refusal(read: Callable[[], object]) -> str | None:
    """What is said where a file is refused; None where it was read."""
    try:
        read()
    except OfsError as error:
        return error.message
    return None


def check_error(arguments: list[str], code: ExitCode, capsys: pytest.CaptureFixture[str], *said: str) -> None:
    """Expect this exit code, nothing on stdout, and one line on stderr that says all of this."""
    capsys.readouterr()
    assert run(root, arguments) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert [part for part in said if part not in err] == []


def test_a_damaged_file_of_an_archive_is_found(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever bit of a Parquet file is flipped, the file's digest differs: before a replay uses it, and in verify."""
    (path, *_) = sorted(scene.archive.glob("*/0/*.parquet"))
    for where in flipped(path):
        log = ArchiveLog(scene.archive)
        info = log.describe(STREAM)
        assert info is not None
        with pytest.raises(ArchiveError, match="damaged: SHA-256 expected"):
            list(log.read(STREAM, 0, info.partitions[0].ranges[0], 10))
        assert not verify(scene.archive).is_sound, where
    for where in flipped(path):
        check_error(
            replay(scene, tmp_path / "out"), ExitCode.UNREACHABLE, capsys, path.name, "damaged: SHA-256"
        )
        assert not (tmp_path / "out").exists(), where
        break
    assert run(root, replay(scene, tmp_path / "out")) == ExitCode.ALL_MATCH


def test_a_damaged_manifest_of_an_archive_is_found(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever byte of the manifest has a bit flipped, it is refused; a replay says so and writes nothing."""
    (path,) = scene.archive.glob("*/manifest.json")
    for where in flipped(path, every=True):
        assert "manifest.json" in (refusal(lambda: load_manifest(path.parent)) or ""), where
    for _ in flipped(path):
        check_error(replay(scene, tmp_path / "out"), ExitCode.UNREACHABLE, capsys, "manifest.json")
        break
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_damaged_output_is_found_when_the_run_is_launched_again(
    scene: Scene, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A finished run whose parity, snapshots or certificate have rotted is not said to be finished."""
    path = scene.folder / "run" / name
    for _ in flipped(path):
        check_error(
            replay(scene, scene.folder / "run"), ExitCode.UNREACHABLE, capsys, name, "damaged: SHA-256"
        )
    assert run(root, replay(scene, scene.folder / "run")) == ExitCode.ALL_MATCH


def test_a_damaged_run_record_is_found(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever byte of run.json has a bit flipped, neither a launch nor a verification takes it for the record."""
    path = scene.folder / "run" / "run.json"
    replay_id = str(read_run(path.parent)["replay_id"])
    for where in flipped(path, every=True):
        assert "run.json" in (refusal(lambda: FolderSink(path.parent).begin(replay_id)) or ""), where
    for _ in flipped(path):
        verified = ["certificate", "verify", str(path.parent), "--events", scene.events]
        check_error(verified, ExitCode.UNREACHABLE, capsys, "run.json")
        break


def test_a_damaged_registry_is_found_or_means_the_same(scene: Scene) -> None:
    """Wherever a definition or the lock has a bit flipped: it is refused by its path, or nothing else is defined."""
    folder = scene.folder / "registry"
    names = [(path.parent.name, path.stem) for path in folder.glob("*/*.yaml")]

    def definitions() -> dict[tuple[str, str], Locked | None]:
        registry = Registry.load(folder)
        return {name: registry.get(*name) for name in names}

    expected = definitions()
    for path in (folder / "lock.json", folder / "account_velocity" / "v1.yaml"):
        said: list[str] = []
        for where in flipped(path):
            try:
                found = definitions()
            except OfsError as error:
                said.append(error.message)
            else:
                assert found == expected, where
        assert [message for message in said if str(folder) not in message] == []
        assert len(said) > FLIPS / 2


def test_a_damaged_registry_ends_a_replay(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A published definition that is not what its lock says is one clear line, and nothing is written."""
    path = scene.folder / "registry" / "account_velocity" / "v1.yaml"
    sound = path.read_text("utf-8")
    try:
        path.write_text(sound.replace("24h", "34h", 1), "utf-8")
        assert path.read_text("utf-8") != sound
        check_error(replay(scene, tmp_path / "out"), ExitCode.USAGE, capsys, "account_velocity")
    finally:
        path.write_text(sound, "utf-8")
    assert not (tmp_path / "out").exists()
