"""`ofs certificate verify` on the outputs of a replay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ofs.cli.failures import run
from ofs.cli.main import root
from ofs.errors import ExitCode
from ofs.native import core
from ofs.sources.archive import import_ndjson
from tests.unit.cli.scene import Scene, build
from topologies.card_payments.generator import STREAM, Traffic, generate, to_ndjson


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log with its decisions, replayed into `run`."""
    made = build(tmp_path_factory.mktemp("scene"))
    assert run(root, made.replay_arguments(made.folder / "run")) == ExitCode.ALL_MATCH
    return made


def verify(scene: Scene, events: str, *more: str) -> int:
    return run(root, ["certificate", "verify", str(scene.folder / "run"), "--events", events, *more])


def test_the_log_of_the_run_is_the_same(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Each partition is told with its range and is the same; as JSON too."""
    assert verify(scene, scene.events) == ExitCode.ALL_MATCH
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["same"] * 3
    assert lines[-1] == "same"
    assert verify(scene, scene.events, "--json") == ExitCode.ALL_MATCH
    told = json.loads(capsys.readouterr().out)
    certified = json.loads((scene.folder / "run" / "certificate.json").read_bytes())
    assert (told["same"], told["replay_id"]) == (True, certified["replay_id"])
    assert [(part["start"], part["end"]) for part in told["partitions"]] == [
        (part["start"], part["end"]) for part in certified["partitions"]
    ]


def test_another_log_differs(scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against an archive of another log the exit code is 1, and each partition names what differs."""
    traffic = Traffic(partitions=3, accounts=20, merchants=5, text_only=True)
    import_ndjson(list(to_ndjson(generate(2, 300, traffic))), STREAM, tmp_path / "other")
    assert verify(scene, f"archive:{tmp_path / 'other'}") == ExitCode.MISMATCH
    out = capsys.readouterr().out
    assert out.count("log_id: certified ") == 3
    assert out.splitlines()[-1] == "differs: the log is not what the run read"


def test_what_cannot_be_read_is_exit_code_4(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a run, a damaged certificate and a damaged archive are one line each."""
    assert (
        run(root, ["certificate", "verify", str(tmp_path), "--events", scene.events]) == ExitCode.UNREACHABLE
    )
    assert "not the outputs of a finished run" in capsys.readouterr().err
    damaged = tmp_path / "run"
    shutil.copytree(scene.folder / "run", damaged)
    proof = bytearray((damaged / "certificate.json").read_bytes())
    proof[len(proof) // 2] ^= 1
    (damaged / "certificate.json").write_bytes(proof)
    assert (
        run(root, ["certificate", "verify", str(damaged), "--events", scene.events]) == ExitCode.UNREACHABLE
    )
    assert "certificate.json: damaged: SHA-256 expected" in capsys.readouterr().err
    shutil.copytree(scene.archive, tmp_path / "archive")
    file = next((tmp_path / "archive").glob("*/0/*.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    assert verify(scene, f"archive:{tmp_path / 'archive'}") == ExitCode.UNREACHABLE
    assert "damaged: size expected" in capsys.readouterr().err


@pytest.mark.skipif(core is None, reason="the reference engine keeps its state in memory")
def test_a_run_from_a_checkpoint_is_verified_from_the_start_of_its_state(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier run has read is certified and read again; its content digest is that of a run without state."""
    records = scene.records()
    half = scene.with_decisions("half.ndjson", records[: len(records) // 2])
    state = ["--state", str(tmp_path / "state")]
    assert run(root, [*scene.replay_arguments(tmp_path / "first", half), *state]) == ExitCode.ALL_MATCH
    assert run(root, [*scene.replay_arguments(tmp_path / "second"), *state]) == ExitCode.ALL_MATCH
    whole, resumed = (
        json.loads((folder / "certificate.json").read_bytes())["partitions"]
        for folder in (scene.folder / "run", tmp_path / "second")
    )
    assert {part["start_from"] for part in resumed} == {"checkpoint"}
    assert [part["content_digest"] for part in resumed] == [part["content_digest"] for part in whole]
    arguments = ["certificate", "verify", str(tmp_path / "second"), "--events", scene.events]
    assert run(root, arguments) == ExitCode.ALL_MATCH
    assert capsys.readouterr().out.splitlines()[-1] == "same"
