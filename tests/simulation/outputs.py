"""Places where outputs survive a crash: memory, a real folder, and topics that are written in transactions."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from ofs.errors import SinkError
from ofs.ports import OutputSink
from ofs.sinks.folder import FolderSink
from ofs.sinks.memory import MemorySink
from tests.simulation.gate import Gate

Records = list[tuple[str, bytes]]
OUTPUTS: Final = ("parity", "snapshots", "dead_letters")


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


class Place(Protocol):
    """Where outputs are kept from launch to launch."""

    def launch(self) -> OutputSink:
        """The sink of a new process."""
        ...

    def died(self, sink: OutputSink) -> None:
        """The process with this sink was killed."""
        ...

    def visible(self, replay_id: str) -> Outputs | None:
        """What a reader sees of this run; None: nothing at all."""
        ...


class MemoryPlace:
    """One MemorySink: what it has committed stays, what was staged dies with the process."""

    def __init__(self) -> None:
        self._sink = MemorySink()

    def launch(self) -> OutputSink:
        """See Place."""
        return self._sink

    def died(self, sink: OutputSink) -> None:
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

    def launch(self) -> OutputSink:
        """See Place."""
        return FolderSink(self._out)

    def died(self, sink: OutputSink) -> None:
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


@dataclass(slots=True)
class _Progress:
    """How many lines of each output are committed, and what they were."""

    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    digests: list[str] = field(default_factory=lambda: [hashlib.sha256().hexdigest()] * 3)


class TopicPlace:
    """Topics written in transactions: each chunk with the run's progress; a resumed run skips what is committed."""

    def __init__(self) -> None:
        self.topics: Final[dict[str, list[list[tuple[str, bytes]]]]] = {}
        self.progress: Final[dict[str, _Progress]] = {}
        self.finished: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {}

    def launch(self) -> OutputSink:
        """See Place."""
        return _TopicSink(self)

    def died(self, sink: OutputSink) -> None:
        """See Place: the coordinator aborts the open transaction."""
        sink.abort()

    def visible(self, replay_id: str) -> Outputs | None:
        """See Place."""
        rows = self.topics.get(replay_id)
        if rows is None:
            return None
        run, certificate = self.finished.get(replay_id, (None, None))
        return Outputs.of(rows, run, certificate)


class HistoryChangedError(SinkError):
    """What was committed by an earlier launch is not what this one computes: the log has changed between them."""


class _TopicSink:
    """OutputSink over a TopicPlace."""

    topics: frozenset[str] = frozenset({"ofs.parity", "ofs.snapshots", "ofs.dead", "ofs.runs"})

    def __init__(self, place: TopicPlace) -> None:
        self._place = place
        self._staged: list[Records] | None = None
        self._seen = [0, 0, 0]
        self._hashes = [hashlib.sha256() for _ in OUTPUTS]
        self._replay_id = ""

    def begin(self, replay_id: str) -> bool:
        self._replay_id = replay_id
        if replay_id in self._place.finished:
            return False
        self._staged = [[], [], []]
        return True

    def finished_run(self) -> Mapping[str, object]:
        return self._place.finished[self._replay_id][0]

    def put_parity(self, records: Records) -> None:
        self._stage(0, records)

    def put_snapshots(self, records: Records) -> None:
        self._stage(1, records)

    def put_dead_letters(self, records: Records) -> None:
        self._stage(2, records)

    def end_chunk(self) -> None:
        staged = self._open()
        done = self._place.progress.setdefault(self._replay_id, _Progress())
        rows = self._place.topics.setdefault(self._replay_id, [[], [], []])
        for output, records in enumerate(staged):
            rows[output] += records
            records.clear()
            if self._seen[output] > done.counts[output]:
                done.counts[output] = self._seen[output]
                done.digests[output] = self._hashes[output].hexdigest()

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        self.end_chunk()
        done = self._place.progress[self._replay_id]
        if done.counts != self._seen:
            raise HistoryChangedError(f"{done.counts} lines are committed, this launch has {self._seen}")
        self._place.finished[self._replay_id] = (dict(run), dict(certificate))
        self._staged = None

    def abort(self) -> None:
        self._staged = None

    def _stage(self, output: int, records: Records) -> None:
        staged = self._open()
        done = self._place.progress.get(self._replay_id, _Progress())
        for key, line in records:
            self._seen[output] += 1
            self._hashes[output].update(line + b"\n")
            if self._seen[output] > done.counts[output]:
                staged[output].append((key, line))
            elif (
                self._seen[output] == done.counts[output]
                and self._hashes[output].hexdigest() != done.digests[output]
            ):
                raise HistoryChangedError(f"the first {self._seen[output]} {OUTPUTS[output]} are others")

    def _open(self) -> list[Records]:
        if self._staged is None:
            raise RuntimeError("put without begin")
        return self._staged


class GatedSink:
    """The sink as the run sees it: every call goes through the gate; a dead process aborts nothing."""

    def __init__(self, place: Place, gate: Gate) -> None:
        self._place = place
        self._inner = place.launch()
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

    def put_parity(self, records: Records) -> None:
        with self._gate.call("sink.put", f"parity {len(records)}"):
            self._inner.put_parity(records)

    def put_snapshots(self, records: Records) -> None:
        with self._gate.call("sink.put", f"snapshots {len(records)}"):
            self._inner.put_snapshots(records)

    def put_dead_letters(self, records: Records) -> None:
        with self._gate.call("sink.put", f"dead letters {len(records)}"):
            self._inner.put_dead_letters(records)

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
        self._place.died(self._inner)
