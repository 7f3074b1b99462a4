"""The n-th call fails, n = 1, 2, … until a run has no failure: what is left is as before or after, never between."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, Self
from unittest import mock

import pytest

from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity
from ofs.errors import ExitCode, OfsError, SinkError
from ofs.features import Registry
from ofs.native import core
from ofs.ports import OutputSink
from ofs.runtime.replay import ReplayOptions
from ofs.sinks.folder import FolderSink
from ofs.sources.decisions import MemoryDecisionSource
from tests.simulation.gate import CALLS, PORTS, Fault, Gate
from tests.simulation.model_broker import modelled_reads
from tests.simulation.model_log import ReaderLog
from tests.simulation.outputs import FolderPlace, GatedSink, Outputs, Place, TopicPlace
from tests.simulation.scenario import Scenario, make_scenario, undisturbed
from tests.simulation.scheduler import Baton, one_at_a_time
from tests.simulation.simulation import ENGINE, GatedDecisions, SimulatedClock, SimulatedReplay
from tests.simulation.states import Live, MemoryLive, MemoryShelf
from topologies.bounded_replay import BoundedReplay

CALLS_MAX: Final = 500
Entries = list[tuple[bytes, bytes]]


@cache
def _scenario() -> Scenario:
    """The first one with several partitions, a start bound in time, snapshots and dead letters."""
    for seed in range(1_000):
        scenario = make_scenario(seed, random.Random(seed))
        expected = _expected(scenario)
        partitions = (expected.certificate or {})["partitions"]
        is_rich = len(expected.snapshots) > 4 and len(expected.dead_letters) > 0 and len(partitions) > 1
        is_plain = scenario.basis is None and scenario.state != "none"
        has_bound = any(part["start_from"] == "bound" for part in partitions)
        if is_rich and is_plain and has_bound and all(part["records"] > 3 for part in partitions):
            return scenario
    raise RuntimeError("no seed gives a rich scenario")


def _expected(scenario: Scenario) -> Outputs:
    return undisturbed(
        scenario.cluster.undisturbed(), scenario.world, scenario.lines, scenario.basis, scenario.max_skew_us
    )


@cache
def _whole() -> Outputs:
    return _expected(_scenario())


class _Live(MemoryLive):
    """A live state that remembers what it held after each write, also when it is closed."""

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        """See StateStore."""
        super().write(puts, deletes)
        self.history = [*getattr(self, "history", []), sorted(self._entries.items())]


class _Shelf(MemoryShelf):
    """A shelf that remembers the live states."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[_Live] = []

    def open(self, identity: StateIdentity, candidates: Sequence[CheckpointManifest]) -> Live:
        """See Shelf."""
        opened = super().open(identity, candidates)
        manifest = opened.checkpoint
        state = identity if manifest is None else manifest.state
        self.lives.append(_Live(self, state, manifest, list(opened.scan(b""))))
        return self.lives[-1]


class _Steady(random.Random):
    """Chance that never changes its mind: a partition is read in the same steps, whatever became of the others."""

    def random(self) -> float:
        """No detours."""
        return 1.0

    def randint(self, a: int, b: int) -> int:
        """Whole batches."""
        return b


@dataclass(slots=True)
class _Attempt:
    """One run at a place, with at most one fault."""

    error: OfsError | None
    gate: Gate
    replay_id: str


def _run(place: Place, shelf: _Shelf, fault: Fault | None) -> _Attempt:
    scenario = _scenario()
    gate = Gate(Baton(random.Random(0), 0), [] if fault is None else [fault], [])
    sink = GatedSink(place, gate)
    replay = SimulatedReplay(
        log=ReaderLog(scenario.cluster, gate, _Steady()),
        decisions=GatedDecisions(scenario.lines, gate),
        registry=Registry.of(scenario.world.groups),
        sink=sink,
        options=ReplayOptions(
            batch_size=3,
            max_skew_us=scenario.max_skew_us,
            end_wait_us=0,
            state_memory_bytes=1,
            checkpoint_records=4,
        ),
        engine=ENGINE,
        clock=SimulatedClock(gate),
        gate=gate,
        shelf=shelf,
    )
    error = None
    with one_at_a_time(gate.baton), modelled_reads():
        try:
            replay.run()
        except OfsError as failure:
            error = failure
    return _Attempt(error, gate, sink.replay_id)


def _place(kind: str, parent: Path) -> Place:
    parent.mkdir()
    return FolderPlace(parent) if kind == "folder" else TopicPlace()


def _assert_whole(seen: Outputs | None) -> None:
    expected = _whole()
    assert seen is not None
    for name in ("parity", "snapshots", "dead_letters"):
        assert getattr(seen, name) == getattr(expected, name), name
    assert seen.run is not None
    assert seen.certificate is not None
    assert expected.certificate is not None
    pairs = zip(seen.certificate["partitions"], expected.certificate["partitions"], strict=True)
    for found, planned in pairs:
        # a checkpoint left by the run that failed may be where this one began
        route = {"start_from", "bound_skew_us"} if found["start_from"] == "checkpoint" else set()
        assert {n: found[n] for n in found.keys() - route} == {n: planned[n] for n in found.keys() - route}


def _assert_part(seen: Outputs | None, place: str) -> None:
    """Nothing, or in topics the beginning of each output, without a run record."""
    if seen is None:
        return
    assert place == "topics"
    assert seen.run is None
    expected = _whole()
    for name in ("parity", "snapshots", "dead_letters"):
        some, whole = getattr(seen, name), getattr(expected, name)
        assert some == whole[: len(some)], name


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place_kind", ["folder", "topics"])
@pytest.mark.parametrize("call", CALLS)
def test_nth_call_of_a_port_fails(call: str, place_kind: str, is_after: bool, tmp_path: Path) -> None:
    """Each failure ends the run with the port's error; outputs are absent or whole; the next run completes them."""
    for nth in range(1, CALLS_MAX):
        place, shelf = _place(place_kind, tmp_path / str(nth)), _Shelf()
        attempt = _run(place, shelf, Fault(call, nth, is_crash=False, is_after=is_after))
        seen = place.visible(attempt.replay_id)
        if not attempt.gate.injected:
            assert attempt.error is None
            _assert_whole(seen)
            return
        assert attempt.error in attempt.gate.injected
        assert isinstance(attempt.error, PORTS[call.split(".", maxsplit=1)[0]])
        if seen is not None and seen.run is not None:
            assert is_after
            assert call in ("sink.commit", "broker.commit")
            _assert_whole(seen)
        else:
            _assert_part(seen, place_kind)
        if place_kind == "folder" and seen is None:
            assert list((tmp_path / str(nth)).iterdir()) == []
        again = _run(place, shelf, None)
        assert again.error is None
        _assert_whole(place.visible(again.replay_id))
    raise AssertionError(f"{call} was called {CALLS_MAX} times")


def test_every_port_is_called(tmp_path: Path) -> None:
    """The cases above are not empty: a run calls each of them, most of them often."""
    counts = [
        _run(_place(kind, tmp_path / kind), _Shelf(), None).gate.counts for kind in ("folder", "topics")
    ]
    for call in CALLS:
        if call not in ("clock.sleep", "broker.read") and (core is not None or not call.startswith("state.")):
            assert counts[0][call] + counts[1][call] > 0, call


@pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_state_is_that_of_before_or_after_a_write_that_fails(is_after: bool, tmp_path: Path) -> None:
    """A state holds the effects of exactly the writes that came before the failing one, and of that one or not."""
    whole = _Shelf()
    writes = _run(_place("topics", tmp_path / "whole"), whole, None).gate.counts["state.write"]
    assert writes > 3
    for nth in range(1, writes + 1):
        shelf = _Shelf()
        fault = Fault("state.write", nth, is_crash=False, is_after=is_after)
        _run(_place("topics", tmp_path / str(nth)), shelf, fault)
        done = sum(len(live.history) - 1 for live in shelf.lives)
        assert done >= (nth if is_after else nth - 1)
        for live, unfailing in zip(shelf.lives, whole.lives, strict=True):
            assert live.history == unfailing.history[: len(live.history)]


class _FailingFile:
    """A file whose calls are counted among those that fail."""

    def __init__(self, file: IO[bytes], disk: _Disk, path: str) -> None:
        self._file = file
        self._disk = disk
        self._path = path

    def write(self, block: bytes) -> int:
        self._disk.enter("write", self._path)
        return self._file.write(block)

    def flush(self) -> None:
        self._disk.enter("flush", self._path)
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        self._disk.enter("close", self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(slots=True)
class _Disk:
    """Fails the `nth` call of the file system below `root`, or that one and all later ones."""

    root: str
    nth: int
    lasts: bool
    total: int = 0
    failed: list[str] = field(default_factory=list)

    def enter(self, what: str, path: object) -> None:
        """One call."""
        if isinstance(path, int) or str(path).startswith(self.root):
            self.total += 1
            if self.total == self.nth or (self.lasts and self.total > self.nth):
                self.failed.append(what)
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """The call, counted before its effect."""

        def call(path: Any, *rest: Any, **named: Any) -> Any:
            self.enter(name, path)
            return real(path, *rest, **named)

        return call

    def opened(self, path: Path, mode: str = "r", **named: Any) -> Any:
        """Path.open; what is written is counted too."""
        self.enter("open", path)
        file = _OPEN(path, mode, **named)
        return _FailingFile(file, self, str(path)) if "w" in mode else file


_OPEN: Final = Path.open
_OS_CALLS: Final = ("open", "mkdir", "rename", "fsync", "stat", "listdir", "scandir", "rmdir", "unlink")


@contextmanager
def _failing_disk(root: Path, nth: int, *, lasts: bool) -> Iterator[_Disk]:
    disk = _Disk(str(root), nth, lasts)
    calls: Any = {name: disk.wrapped(name, getattr(os, name)) for name in _OS_CALLS}
    with (
        mock.patch.multiple(os, **calls),
        mock.patch.object(fcntl, "flock", disk.wrapped("flock", fcntl.flock)),
        mock.patch.object(Path, "open", lambda path, *rest, **named: disk.opened(path, *rest, **named)),
    ):
        yield disk


def _to_folder(out: Path) -> OfsError | None:
    """One run into the folder; the error it ended with."""
    scenario = _scenario()
    sink: OutputSink = FolderSink(out)
    try:
        BoundedReplay(
            log=scenario.cluster.undisturbed(),
            decisions=MemoryDecisionSource(scenario.lines),
            registry=Registry.of(scenario.world.groups),
            sink=sink,
            options=ReplayOptions(batch_size=3, max_skew_us=scenario.max_skew_us, end_wait_us=0),
            engine=ENGINE,
        ).run()
    except OfsError as error:
        return error
    return None


def _folder(out: Path) -> Outputs:
    place = FolderPlace(out.parent)
    seen = place.visible(json.loads((out / "run.json").read_bytes())["replay_id"])
    if seen is None:
        raise AssertionError("run.json names another run than it does")
    return seen


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from then on"])
def test_nth_call_of_the_file_system_fails(lasts: bool, tmp_path: Path) -> None:
    """The run ends in one SinkError or is done; the folder is absent or whole; the next run ends with equal bytes."""
    kinds = set()
    for nth in range(1, CALLS_MAX):
        out = tmp_path / str(nth) / "out"
        with _failing_disk(tmp_path / str(nth), nth, lasts=lasts) as disk:
            error = _to_folder(out)
        kinds.update(disk.failed[:1])
        if error is not None:
            assert isinstance(error, SinkError)
            assert error.exit_code is ExitCode.UNREACHABLE
        if error is None or out.exists():
            _assert_whole(_folder(out))
        if not disk.failed:
            assert {"open", "mkdir", "rename", "fsync", "flock", "write", "flush", "close"} <= kinds
            return
        assert _to_folder(out) is None
        _assert_whole(_folder(out))
        assert [path.name for path in out.parent.iterdir()] == ["out"]
    raise AssertionError(f"the file system was called {CALLS_MAX} times")


def test_nth_call_fails_where_a_finished_folder_is_verified(tmp_path: Path) -> None:
    """A run into a finished folder, of which not all can be read, ends in an error and leaves every byte."""
    out = tmp_path / "out"
    assert _to_folder(out) is None
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for nth in range(1, CALLS_MAX):
        with _failing_disk(tmp_path, nth, lasts=False) as disk:
            error = _to_folder(out)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        if not disk.failed:
            assert error is None
            return
        assert isinstance(error, OfsError)
    raise AssertionError(f"the file system was called {CALLS_MAX} times")
