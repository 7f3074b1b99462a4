"""The n-th call fails, n = 1, 2, … until a run has no failure: what is left is as before or after, never between."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, Final
from unittest import mock

import pytest

from ofs.errors import ExitCode, OfsError, SinkError
from ofs.features import Registry
from ofs.ports import OutputSink
from ofs.runtime.replay import ReplayOptions
from ofs.sinks.folder import FolderSink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.state.memory import MemoryStateStore
from tests.simulation.gate import CALLS, PORTS, Fault, Gate
from tests.simulation.model_broker import modelled_reads
from tests.simulation.model_log import ReaderLog
from tests.simulation.outputs import FolderPlace, GatedSink, Outputs, Place, TopicPlace
from tests.simulation.scenario import MAX_SKEW_US, Scenario, make_scenario, reference
from tests.simulation.scheduler import Baton, one_at_a_time
from tests.simulation.simulation import ENGINE, GatedDecisions, SimulatedClock
from tests.simulation.states import GatedStore
from topologies.bounded_replay import BoundedReplay

CALLS_MAX: Final = 500
Entries = list[tuple[bytes, bytes]]


@cache
def _scenario() -> Scenario:
    """The first one with several partitions, verdicts, snapshots and dead letters."""
    for seed in range(1_000):
        scenario = make_scenario(seed, random.Random(seed))
        expected = _expected(scenario)
        partitions = (expected.certificate or {})["partitions"]
        is_rich = len(expected.snapshots) > 4 and len(expected.dead_letters) > 0 and len(partitions) > 1
        if is_rich and scenario.basis is None and all(part["records"] > 3 for part in partitions):
            return scenario
    raise RuntimeError("no seed gives a rich scenario")


def _expected(scenario: Scenario) -> Outputs:
    return reference(scenario.cluster.undisturbed(), scenario.world, scenario.lines, scenario.basis)


class _Store(MemoryStateStore):
    """Memory that remembers what it held after each write, also when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Entries] = [[]]

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        """See StateStore."""
        super().write(puts, deletes)
        self.history.append(sorted(self._entries.items()))


class _Steady(random.Random):
    """Chance that never changes its mind: a partition is read in the same steps, whatever became of the others."""

    def random(self) -> float:
        """No detours."""
        return 1.0

    def randint(self, a: int, b: int) -> int:
        """Whole batches."""
        return b


@dataclass(frozen=True, slots=True)
class _Replay(BoundedReplay):
    """The topology with the stores that the test looks into."""

    gate: Gate = field(kw_only=True)
    stores: list[_Store] = field(kw_only=True)

    def _open_store(self, *where: Any) -> GatedStore:
        with self.gate.call("state.open"):
            self.stores.append(_Store())
            return GatedStore(self.stores[-1], self.gate, "state")


@dataclass(slots=True)
class _Attempt:
    """One run at a place, with at most one fault."""

    error: OfsError | None
    gate: Gate
    replay_id: str
    stores: list[_Store]


def _run(place: Place, fault: Fault | None) -> _Attempt:
    scenario = _scenario()
    gate = Gate(Baton(random.Random(0), 0), [] if fault is None else [fault], [])
    sink = GatedSink(place, gate)
    replay = _Replay(
        log=ReaderLog(scenario.cluster, gate, _Steady()),
        decisions=GatedDecisions(scenario.lines, gate),
        registry=Registry.of(scenario.world.groups),
        sink=sink,
        options=ReplayOptions(batch_size=3, max_skew_us=MAX_SKEW_US, end_wait_us=0),
        engine=ENGINE,
        clock=SimulatedClock(gate),
        gate=gate,
        stores=[],
    )
    error = None
    with one_at_a_time(gate.baton), modelled_reads():
        try:
            replay.run()
        except OfsError as failure:
            error = failure
    return _Attempt(error, gate, sink.replay_id, replay.stores)


def _place(kind: str, parent: Path) -> Place:
    parent.mkdir()
    return FolderPlace(parent) if kind == "folder" else TopicPlace()


def _assert_whole(seen: Outputs | None) -> None:
    expected = _expected(_scenario())
    assert seen is not None
    for name in ("parity", "snapshots", "dead_letters", "certificate"):
        assert getattr(seen, name) == getattr(expected, name), name
    assert seen.run is not None


def _assert_part(seen: Outputs | None, place: str) -> None:
    """Nothing, or in topics the beginning of each output, without a run record."""
    if seen is None:
        return
    assert place == "topics"
    assert seen.run is None
    expected = _expected(_scenario())
    for name in ("parity", "snapshots", "dead_letters"):
        some, whole = getattr(seen, name), getattr(expected, name)
        assert some == whole[: len(some)], name


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place_kind", ["folder", "topics"])
@pytest.mark.parametrize("call", CALLS)
def test_nth_call_of_a_port_fails(call: str, place_kind: str, is_after: bool, tmp_path: Path) -> None:
    """Each failure ends the run with the port's error; outputs are absent or whole; the next run completes them."""
    for nth in range(1, CALLS_MAX):
        place = _place(place_kind, tmp_path / str(nth))
        attempt = _run(place, Fault(call, nth, is_crash=False, is_after=is_after))
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
        again = _run(place, None)
        assert again.error is None
        _assert_whole(place.visible(again.replay_id))
    raise AssertionError(f"{call} was called {CALLS_MAX} times")


def test_every_port_is_called(tmp_path: Path) -> None:
    """The cases above are not empty: a run calls each of them, most of them often."""
    counts = [_run(_place(kind, tmp_path / kind), None).gate.counts for kind in ("folder", "topics")]
    for call in CALLS:
        if call not in ("clock.sleep", "broker.read"):
            assert counts[0][call] + counts[1][call] > 0, call


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_state_is_that_of_before_or_after_a_write_that_fails(is_after: bool, tmp_path: Path) -> None:
    """A store holds the effects of exactly the writes that came before the failing one, and of that one or not."""
    whole = _run(_place("topics", tmp_path / "whole"), None)
    writes = whole.gate.counts["state.write"]
    assert writes > 3
    for nth in range(1, writes + 1):
        attempt = _run(
            _place("topics", tmp_path / str(nth)),
            Fault("state.write", nth, is_crash=False, is_after=is_after),
        )
        done = sum(len(store.history) - 1 for store in attempt.stores)
        assert done >= (nth if is_after else nth - 1)
        for store, undisturbed in zip(attempt.stores, whole.stores, strict=True):
            assert store.history == undisturbed.history[: len(store.history)]


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
            options=ReplayOptions(batch_size=3, max_skew_us=MAX_SKEW_US, end_wait_us=0),
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
