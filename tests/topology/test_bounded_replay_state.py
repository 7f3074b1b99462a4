"""State that is re-used: a run goes on from the best checkpoint, and nothing of its answers shows it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ofs
from ofs.features import Registry
from ofs.native import core
from ofs.runtime.replay import ReplayOptions
from ofs.runtime.report import ReplayReport
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from tests.property.harness import decision_lines
from tests.property.worlds import World, make_world
from tests.topology.test_bounded_replay_history import _decision, _group, _log
from topologies.bounded_replay import BoundedReplay

pytestmark = pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
CHANCE = st.randoms(use_true_random=False)


def _run(
    world: World, lines: list[bytes], state: Path | None, chance: random.Random
) -> tuple[dict[str, Any], ReplayReport]:
    sink = MemorySink()
    options = ReplayOptions(
        batch_size=chance.choice((1, 7, 1000)),
        workers=chance.choice((1, 2)),
        max_skew_us=5_000_000,
        end_wait_us=0,
        state_memory_bytes=chance.choice((None, 1, 2_000)),
        checkpoint_records=chance.choice((None, 1, 10)),
    )
    report = BoundedReplay(
        log=world.log,
        decisions=MemoryDecisionSource(lines),
        registry=Registry.of(world.groups),
        sink=sink,
        options=options,
        engine="native",
        state=state,
    ).run()
    return {"parity": sink.parity, "snapshots": sink.snapshots, "certificate": sink.certificate}, report


def _one(cut: int) -> MemoryDecisionSource:
    """One decision at a cut, as-of 25 s."""
    return MemoryDecisionSource([json.dumps(_decision(cut, 25)).encode()])


def _counts(certificate: Any) -> Any:
    """The certificate without what tells the route."""
    route = ("start_from", "unread", "bound_skew_us")
    parts = [{n: m for n, m in part.items() if n not in route} for part in certificate["partitions"]]
    return {**certificate, "partitions": parts, "assumptions": None}


@given(chance=CHANCE)
def test_answers_are_those_of_a_run_without_state(chance: random.Random) -> None:
    """Any jobs over one state folder, with any limits of memory and checkpoints, give the bytes of fresh runs."""
    world = make_world(chance)
    with TemporaryDirectory() as folder:
        for _ in range(3):
            some = [decision for decision in world.decisions if chance.random() < 0.6] or world.decisions
            lines = decision_lines(some)
            kept, _ = _run(world, lines, Path(folder), chance)
            fresh, _ = _run(world, lines, None, chance)
            assert kept["parity"] == fresh["parity"]
            assert kept["snapshots"] == fresh["snapshots"]
            if all(part["start"] == 0 for part in kept["certificate"]["partitions"]):
                at_origin = [part["start"] == 0 for part in fresh["certificate"]["partitions"]]
                assert not all(at_origin) or _counts(kept["certificate"]) == _counts(fresh["certificate"])


def test_second_run_reads_only_what_lies_between(tmp_path: Path) -> None:
    """The first run ends at offset 20; the second reads 20 to 30 and certifies from the beginning."""
    given: dict[str, Any] = {"events": _log(), "features": _group("lifetime"), "state": tmp_path}
    first = ofs.replay(**given, decisions=_one(20))
    second = ofs.replay(**given, decisions=_one(30))
    assert (first.records_read, second.records_read) == (20, 10)
    assert first.certificate is not None
    assert second.certificate is not None
    part = second.certificate.partitions[0]
    assert (part.start, part.start_from, part.end, part.records) == (0, "checkpoint", 30, 30)
    fresh = ofs.replay(**given | {"state": None}, decisions=_one(30))
    assert fresh.certificate is not None
    assert fresh.certificate.partitions[0].content_digest == part.content_digest
    assert second.parity_digest == fresh.parity_digest


def test_cut_behind_every_checkpoint_is_read_anew(tmp_path: Path) -> None:
    """A checkpoint beyond the job's end is not used: its certificate would cover what the job must not have read."""
    given: dict[str, Any] = {"events": _log(), "features": _group("lifetime"), "state": tmp_path}
    ofs.replay(**given, decisions=_one(30))
    earlier = ofs.replay(**given, decisions=_one(10))
    assert earlier.records_read == 10


def test_other_definitions_start_anew(tmp_path: Path) -> None:
    """A state is of its definitions: another window is another state, never this one reinterpreted."""
    for window, records in (("lifetime", 20), ("lifetime", 0), ({"session": "1m"}, 20)):
        report = ofs.replay(events=_log(), features=_group(window), state=tmp_path, decisions=_one(20))
        assert report.records_read == records


def test_damaged_checkpoint_is_said_and_the_one_before_is_used(tmp_path: Path) -> None:
    """A flipped byte in the newest checkpoint: it is set aside, the run starts from the one before."""
    given: dict[str, Any] = {"events": _log(), "features": _group("lifetime"), "state": tmp_path}
    for cut in (10, 20):
        ofs.replay(**given, decisions=_one(cut))
    manifest = max(tmp_path.rglob("manifest.json"))
    data = bytearray(manifest.read_bytes())
    data[len(data) // 2] ^= 1
    manifest.write_bytes(bytes(data))
    report = ofs.replay(**given, decisions=_one(30))
    assert report.records_read == 20
    assert any("damaged" in notice for notice in report.notices)


def test_snapshot_of_a_decision_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """An audit query uses the states of the jobs before it."""
    log, registry = _log(), _group("lifetime")
    ofs.replay(
        events=log,
        features=registry,
        state=tmp_path,
        decisions=_one(20),
    )
    with_state = ofs.snapshot(events=log, features=registry, decision=_decision(30, 25), state=tmp_path)
    without = ofs.snapshot(events=log, features=registry, decision=_decision(30, 25))
    assert with_state == without


class _SteppingClock:
    """A second passes with every look at it."""

    def __init__(self) -> None:
        self._now_us = 0

    def now_us(self) -> int:
        """Microseconds."""
        self._now_us += 1_000_000
        return self._now_us

    def sleep_us(self, duration_us: int) -> None:
        """Waiting takes what it says."""
        self._now_us += duration_us


@pytest.mark.parametrize(
    ("limits", "cuts"),
    [
        ({}, [31]),
        ({"checkpoint_records": 10}, [10, 20, 30, 31]),
        ({"checkpoint_us": 4_000_000}, [20, 31]),
        ({"checkpoint_at_end": False}, []),
    ],
)
def test_checkpoints_are_left_by_records_and_by_time(
    limits: dict[str, Any], cuts: list[int], tmp_path: Path
) -> None:
    """Batches of five records; one look at the clock a batch; and one checkpoint at the end."""
    BoundedReplay(
        log=_log(),
        decisions=_one(31),
        registry=_group("lifetime"),
        sink=MemorySink(),
        options=ReplayOptions(batch_size=5, **limits),
        state=tmp_path,
        clock=_SteppingClock(),
    ).run()
    assert sorted(int(path.parent.name) for path in tmp_path.rglob("manifest.json")) == cuts
