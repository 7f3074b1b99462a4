"""Places where outputs survive a crash: memory, a real folder, and topics that are written in transactions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from ofs.errors import InvariantViolation, SinkError
from ofs.ports import OutputDigest, OutputRecords, OutputSink
from ofs.sinks.folder import FolderSink
from ofs.sinks.kafka import KafkaSink, SinkTopics
from ofs.sinks.memory import MemorySink
from tests.simulation.gate import Gate
from tests.simulation.model_broker import ModelBroker, ModelCluster

Records = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Outputs:
    """The lines of a run's outputs; `run` and `certificate` are None until it is finished."""

    parity: list[bytes]
    snapshots: list[bytes]
    dead_letters: list[bytes]
    run: dict[str, Any] | None
    certificate: dict[str, Any] | None

    @classmethod
    def of(
        cls, rows: Sequence[Records], run: dict[str, Any] | None, certificate: dict[str, Any] | None
    ) -> Outputs:
        """From records of parity, snapshots and dead letters."""
        parity, snapshots, dead_letters = ([line for _, line in records] for records in rows)
        return cls(parity, snapshots, dead_letters, run, certificate)

    def apart(self) -> list[Outputs]:
        """Each output without the others."""
        return [
            Outputs(self.parity, [], [], None, None),
            Outputs([], self.snapshots, [], None, None),
            Outputs([], [], self.dead_letters, None, None),
        ]


class Place(Protocol):
    """Where outputs are kept from launch to launch."""

    def launch(self, gate: Gate) -> OutputSink:
        """The sink of a new process."""
        ...

    def died(self, sink: OutputSink, gate: Gate) -> None:
        """The process with this sink was killed."""
        ...

    def visible(self, replay_id: str) -> Outputs | None:
        """What a reader sees of this run; None: nothing at all."""
        ...


class MemoryPlace:
    """One MemorySink: what it has committed stays, what was staged dies with the process."""

    def __init__(self) -> None:
        self._sink = MemorySink()

    def launch(self, gate: Gate) -> OutputSink:
        """See Place."""
        return self._sink

    def died(self, sink: OutputSink, gate: Gate) -> None:
        """See Place."""
        sink.abort()

    def visible(self, replay_id: str) -> Outputs | None:
        """See Place."""
        sink = self._sink
        if sink.run is None or sink.run["replay_id"] != replay_id:
            return None
        return Outputs.of((sink.parity, sink.snapshots, sink.dead_letters), sink.run, sink.certificate)


class FolderPlace:
    """A real folder. A killed process leaves its partial folder with what it had written by then, and no lock."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._out = parent / "out"
        self._deaths = 0

    def launch(self, gate: Gate) -> OutputSink:
        """See Place."""
        return FolderSink(self._out)

    def died(self, sink: OutputSink, gate: Gate) -> None:
        """See Place."""
        self._deaths += 1
        kept = self._parent / f".out.partial-dead{self._deaths}"
        for partial in self._parent.glob(".out.partial-[0-9]*"):
            shutil.copytree(partial, kept)
        sink.abort()

    def visible(self, replay_id: str) -> Outputs | None:
        """See Place. Half a folder fails here."""
        if not self._out.exists():
            return None
        run = json.loads((self._out / "run.json").read_bytes())
        if run["replay_id"] != replay_id:
            return None
        certificate = json.loads((self._out / "certificate.json").read_bytes())
        return Outputs(
            self._lines("parity"), self._lines("snapshots"), self._lines("deadletter"), run, certificate
        )

    def _lines(self, name: str) -> list[bytes]:
        return (self._out / f"{name}.jsonl").read_bytes().splitlines()


class TopicPlace:
    """Topics of a modelled cluster, written by the real KafkaSink. A process may only be believed dead, and go on."""

    def __init__(self) -> None:
        self._broker: Final = ModelBroker()
        self._zombies: Final[list[tuple[OutputSink, Gate]]] = []

    def launch(self, gate: Gate) -> OutputSink:
        """See Place."""
        sink = KafkaSink(ModelCluster.bootstrap, create_topics=True)
        cluster: Any = ModelCluster(self._broker, gate)
        sink._cluster = cluster
        return sink

    def died(self, sink: OutputSink, gate: Gate) -> None:
        """See Place. A transaction that was committed when it died is behind it."""
        fault = gate.died_of
        if fault is not None and not (fault.call == "broker.commit" and fault.is_after):
            self._zombies.append((sink, gate))

    def wake(self) -> str:
        """What was believed dead commits what it had in hand, or learns that it is fenced."""
        ends = []
        for sink, gate in self._zombies:
            gate.revive()
            try:
                sink.end_chunk()
            except (SinkError, InvariantViolation) as error:
                ends.append(type(error).__name__)
            else:
                ends.append("went on")
        return ", ".join(ends)

    def visible(self, replay_id: str) -> Outputs | None:
        """See Place."""
        names = SinkTopics()
        parity, snapshots, dead_letters, runs = (
            [(key, line) for key, line, writer in self._broker.topics.get(name, []) if writer == replay_id]
            for name in (names.parity, names.snapshots, names.dead_letters, names.runs)
        )
        found = {key.decode(): json.loads(line) for key, line in runs}
        run, certificate = found.get(replay_id), found.get(f"{replay_id}/certificate")
        if not runs:
            return None
        return Outputs(
            [line for _, line in parity],
            [line for _, line in snapshots],
            [line for _, line in dead_letters],
            run,
            certificate,
        )


class GatedSink:
    """The sink as the run sees it: every call goes through the gate; a dead process aborts nothing."""

    def __init__(self, place: Place, gate: Gate) -> None:
        self._place = place
        self._inner = place.launch(gate)
        self._gate = gate
        self.replay_id = ""

    @property
    def topics(self) -> frozenset[str]:
        return self._inner.topics

    def begin(self, replay_id: str) -> bool:
        self.replay_id = replay_id
        try:
            with self._gate.call("sink.begin", replay_id[:8]):
                return self._inner.begin(replay_id)
        except SinkError:
            self._inner.abort()  # a begin that fails holds nothing
            raise

    def finished_run(self) -> Mapping[str, object]:
        return self._inner.finished_run()

    def put_parity(self, records: OutputRecords) -> None:
        with self._gate.call("sink.put", f"parity {len(records)}"):
            self._inner.put_parity(records)

    def put_snapshots(self, records: OutputRecords) -> None:
        with self._gate.call("sink.put", f"snapshots {len(records)}"):
            self._inner.put_snapshots(records)

    def put_dead_letters(self, records: OutputRecords) -> None:
        with self._gate.call("sink.put", f"dead letters {len(records)}"):
            self._inner.put_dead_letters(records)

    def digests(self) -> Mapping[str, OutputDigest]:
        return self._inner.digests()

    def end_chunk(self) -> None:
        with self._gate.call("sink.end_chunk"):
            self._inner.end_chunk()

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        with self._gate.call("sink.commit"):
            self._inner.commit(run, certificate)

    def abort(self) -> None:
        if not self._gate.is_dead:
            self._inner.abort()

    def died(self) -> None:
        """The process was killed."""
        self._place.died(self._inner, self._gate)
