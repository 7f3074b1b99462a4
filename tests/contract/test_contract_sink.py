"""Every OutputSink passes the same checks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ofs.ports import OutputSink
from ofs.sinks.folder import FolderSink
from ofs.sinks.memory import MemorySink
from ofs.testing.broken import ContractBroken
from ofs.testing.sink_contract import SINK_CHECKS, FinishedRun, PlaceFactory, SinkPlace, check_output_sink
from tests.simulation.gate import Gate
from tests.simulation.model_broker import modelled_reads
from tests.simulation.outputs import TopicPlace
from tests.simulation.scheduler import Baton


class _Memory:
    """A MemorySink is place and sink in one."""

    holds_one_run = True
    keeps_chunks = False

    def __init__(self, sink: MemorySink | None = None) -> None:
        self._sink = MemorySink() if sink is None else sink

    def launch(self) -> OutputSink:
        return self._sink

    def finished(self, replay_id: str) -> FinishedRun | None:
        sink = self._sink
        if sink.run is None or sink.certificate is None:
            return None
        parity, snapshots, dead_letters = (
            [line for _, line in records] for records in (sink.parity, sink.snapshots, sink.dead_letters)
        )
        return FinishedRun(parity, snapshots, dead_letters, sink.run, sink.certificate)


class _Folder:
    """A folder; what lies beside it is looked at too."""

    holds_one_run = True
    keeps_chunks = False

    def __init__(self, parent: Path) -> None:
        self._out = parent / "out"

    def launch(self) -> OutputSink:
        return FolderSink(self._out)

    def finished(self, replay_id: str) -> FinishedRun | None:
        if not self._out.exists():
            return None
        assert [path.name for path in self._out.parent.iterdir()] == ["out"]
        parity, snapshots, dead_letters = (
            (self._out / f"{name}.jsonl").read_bytes().splitlines()
            for name in ("parity", "snapshots", "deadletter")
        )
        run, certificate = (
            json.loads((self._out / f"{name}.json").read_bytes()) for name in ("run", "certificate")
        )
        return FinishedRun(parity, snapshots, dead_letters, run, certificate)


class _Topics:
    """The Kafka sink over a modelled cluster; over a real one it is checked in the integration tests."""

    holds_one_run = False
    keeps_chunks = True

    def __init__(self) -> None:
        self._place = TopicPlace()

    def launch(self) -> OutputSink:
        return self._place.launch(Gate(Baton(random.Random(0), 0), [], []))

    def finished(self, replay_id: str) -> FinishedRun | None:
        seen = self._place.visible(replay_id)
        if seen is None or seen.run is None or seen.certificate is None:
            return None
        return FinishedRun(seen.parity, seen.snapshots, seen.dead_letters, seen.run, seen.certificate)


@pytest.fixture
def modelled_cluster() -> Iterator[None]:
    """The Kafka sink reads the modelled cluster."""
    with modelled_reads():
        yield


@pytest.mark.parametrize("kind", ["memory", "folder", "topics"])
@pytest.mark.parametrize("check", SINK_CHECKS, ids=lambda check: check.__name__)
def test_output_sink_keeps_its_contract(
    check: Callable[[SinkPlace], None], kind: str, tmp_path: Path, modelled_cluster: None
) -> None:
    """Memory, folder and topics behave alike."""
    places: dict[str, PlaceFactory] = {
        "memory": _Memory,
        "folder": lambda: _Folder(tmp_path),
        "topics": _Topics,
    }
    check(places[kind]())


class _TurnsAround(MemorySink):
    def commit(self, run, certificate):  # type: ignore[no-untyped-def]  # a broken sink
        super().commit(run, certificate)
        self.parity = sorted(self.parity, reverse=True)


class _KeepsAborted(MemorySink):
    def begin(self, replay_id: str) -> bool:
        kept = self._staged
        is_new = super().begin(replay_id)
        self._staged = kept or self._staged
        return is_new

    def abort(self) -> None:
        """Keep it."""


class _TakesAnyRun(MemorySink):
    def begin(self, replay_id: str) -> bool:
        return False if self.run is not None else super().begin(replay_id)


@pytest.mark.parametrize("broken", [_TurnsAround, _KeepsAborted, _TakesAnyRun])
def test_contract_finds_broken_sinks(broken: type[MemorySink]) -> None:
    """The checks can fail: a sink in another order, one that keeps what was aborted, one that takes any run."""
    with pytest.raises(ContractBroken):
        check_output_sink(lambda: _Memory(broken()))
