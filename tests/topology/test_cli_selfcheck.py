"""`ofs selfcheck` and `ofs replay --self-check`: a batch against itself, and noise that is found."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ofs
from ofs.cli.failures import run
from ofs.cli.main import root
from ofs.errors import ExitCode, InvariantViolation, SourceError, UsageError
from ofs.features import Registry
from ofs.ports import EventLog, RecordBatch
from ofs.runtime.selfcheck import manners
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import MemoryLog
from ofs.units import OffsetRange
from tests.property.harness import decision_lines
from tests.property.worlds import World, make_world
from tests.unit.cli.scene import Scene, build


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log as an archive, and the decisions of a live plane, all to match."""
    return build(tmp_path_factory.mktemp("scene"))


def batch(scene: Scene) -> list[str]:
    return ["--events", scene.events, "--features", str(scene.registry), "--decisions", str(scene.decisions)]


def test_a_batch_is_equal_to_itself(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Three runs in three manners have one digest for each output; nothing is written."""
    before = sorted(scene.folder.rglob("*"))
    assert run(root, ["selfcheck", *batch(scene)]) == ExitCode.ALL_MATCH
    lines = capsys.readouterr().out.splitlines()
    assert len({tuple(line.split()[-4:]) for line in lines[1:4]}) == 1
    assert len({tuple(line.split()[:3]) for line in lines[1:4]}) == 3
    assert lines[-1].startswith("equal: 3 runs of ")
    assert sorted(scene.folder.rglob("*")) == before


def test_the_digests_are_those_of_the_replay(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON each run has its manner and the digests; a replay of the same request writes what has them."""
    assert (
        run(root, ["selfcheck", *batch(scene), "--runs", "4", "--workers", "2", "--json"])
        == ExitCode.ALL_MATCH
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["equal"], told["differing"], len(told["runs"])) == (True, [], 4)
    assert (told["runs"][0]["batch_size"], told["runs"][0]["workers"]) == (8_192, 2)
    assert (
        {one["state_on_disk"] for one in told["runs"]}
        == {one["uneven_reads"] for one in told["runs"]}
        == {True, False}
    )
    assert run(root, scene.replay_arguments(tmp_path / "out")) == ExitCode.ALL_MATCH
    record = json.loads((tmp_path / "out" / "run.json").read_bytes())
    assert record["replay_id"] == told["replay_id"]
    for one in told["runs"]:
        assert one["digests"] == {name: entry["sha256"] for name, entry in record["outputs"].items()} | {
            "certificate.json": record["certificate_digest"]
        }


def test_a_run_record_says_how_the_batch_was_checked(scene: Scene, tmp_path: Path) -> None:
    """`--self-check N` stands in run.json with the manner of each run; without it the member is null."""
    assert run(root, [*scene.replay_arguments(tmp_path / "plain")]) == ExitCode.ALL_MATCH
    assert (
        run(root, [*scene.replay_arguments(tmp_path / "checked"), "--self-check", "2"]) == ExitCode.ALL_MATCH
    )
    plain, checked = (
        json.loads((tmp_path / name / "run.json").read_bytes()) for name in ("plain", "checked")
    )
    assert plain["self_check"] is None
    assert checked["self_check"]["equal"] is True
    assert [one["batch_size"] for one in checked["self_check"]["runs"]] == [8_192, 1_024]
    assert {**checked["outputs"], "certificate.json": None} == {**plain["outputs"], "certificate.json": None}


class NoisyLog(MemoryLog):
    """A log that loses the first record of every second reading of it: what a defect of a source may look like."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__()
        self._good = log
        self._readings = itertools.count()
        self.describe = log.describe  # type: ignore[method-assign]  # the good one's facts
        self.offset_at = log.offset_at  # type: ignore[method-assign]  # and its time index

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        is_lossy = next(self._readings) % 2 == 1
        for number, some in enumerate(self._good.read(stream, partition, span, max_records)):
            yield some.slice(1, len(some)) if is_lossy and number == 0 else some


def a_world() -> World:
    """One partition that is read from its first record on."""
    for seed in range(1_000):
        world = make_world(random.Random(seed), events_max=60, decisions_max=4)
        if world.streams == {"cards": 1}:
            report = ofs.selfcheck(**asked(world, world.log), runs=2)
            if report.runs[0].records_read > 20:
                return world
    raise AssertionError("no such world")


def asked(world: World, log: EventLog) -> dict[str, Any]:
    lines = MemoryDecisionSource(decision_lines(world.decisions))
    return {"events": log, "decisions": lines, "features": Registry.of(world.groups), "engine": "reference"}


def test_noise_is_found_and_nothing_is_written() -> None:
    """Where runs differ, the outputs that differ are named, and `replay` with a self-check writes nothing."""
    world = a_world()
    report = ofs.selfcheck(**asked(world, NoisyLog(world.log)))
    assert not report.is_equal
    assert "certificate.json" in report.differing
    assert report.to_contract().equal is False
    sink = MemorySink()
    with pytest.raises(InvariantViolation, match=r"runs of one batch differ in certificate\.json"):
        ofs.replay(**asked(world, NoisyLog(world.log)), sink=sink, self_check_runs=2)
    assert (sink.parity, sink.certificate) == ([], None)


def test_noise_is_exit_code_5(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference is a defect of OFS: exit code 5, and the last line names the outputs."""
    from ofs import ports

    numbers = itertools.count()
    monkeypatch.setattr(
        ports.OutputDigest, "to_dict", lambda self: {"records": 0, "sha256": f"{next(numbers):064x}"}
    )
    assert run(root, ["selfcheck", *batch(scene)]) == ExitCode.INTERNAL
    assert (
        capsys.readouterr().out.splitlines()[-1].startswith("DIFFERS in deadletter.jsonl, parity.jsonl, snap")
    )


def test_a_log_is_closed_where_the_check_fails() -> None:
    """Whatever ends a self-check, the log that was opened for it is closed."""
    world = a_world()
    closed: list[bool] = []

    class Failing(NoisyLog):
        def read(
            self, stream: str, partition: int, span: OffsetRange, max_records: int
        ) -> Iterator[RecordBatch]:
            raise SourceError("gone")

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(SourceError, match="gone"):
        ofs.selfcheck(**asked(world, Failing(world.log)))
    with pytest.raises(SourceError, match="gone"):
        ofs.replay(**asked(world, Failing(world.log)), self_check_runs=2)
    assert closed == [True, True]


def test_one_run_compares_nothing() -> None:
    """A self-check has two runs or more, all in different manners."""
    with pytest.raises(UsageError, match="compares nothing"):
        manners(1, batch_size=10, workers=1)
    found = manners(6, batch_size=100, workers=2)
    assert len({(manner.batch_size, manner.workers) for manner in found}) == 6
    assert all(manner.batch_size > 0 for manner in manners(5, batch_size=1, workers=1))
