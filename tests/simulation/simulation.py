"""One seed: launches of one request, until it ends, on a log that changes and with faults and crashes on the way.

Whatever happened, the outputs are those of the executable semantics on the log as the launch that wrote them saw it,
each record once; before that, a reader sees nothing, or (topics) a part that is right.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from ofs.contracts.checkpoint import StateIdentity
from ofs.errors import OfsError, RequestConflictError, SinkError, SourceError, StateError
from ofs.features import Registry
from ofs.native import core
from ofs.planner.checkpoints import best_first
from ofs.planner.plan import PartitionPlan
from ofs.ports import StateStore
from ofs.runtime.replay import ReplayOptions
from ofs.state.folder import StateFolder
from ofs.units import OffsetRange
from tests.simulation.gate import Change, CrashError, Gate
from tests.simulation.model_broker import modelled_reads
from tests.simulation.model_log import Cluster, ModelTopic, ReaderLog
from tests.simulation.outputs import (
    FolderPlace,
    GatedSink,
    MemoryPlace,
    Outputs,
    Place,
    TopicPlace,
)
from tests.simulation.scenario import (
    Scenario,
    draw_changes,
    draw_faults,
    make_scenario,
    undisturbed,
)
from tests.simulation.scheduler import Baton, one_at_a_time
from tests.simulation.states import FolderShelf, GatedState, Live, MemoryShelf, Shelf
from topologies.bounded_replay import BoundedReplay

ENGINE = "native" if core is not None else "reference"
FAULTY_LAUNCHES_MAX = 5


# of a partition's certificate: what does not depend on where reading began; what tells the route there
_RANGE_FREE: Final = frozenset(
    {"stream", "partition", "log_id", "topic_id", "partition_count", "low", "log_end", "end"}
)
_ROUTE: Final = frozenset({"start_from", "bound_skew_us", "unread"})


class SimulationFailed(AssertionError):  # noqa: N818  (it names what happened)
    """The run did not do what is promised; the message holds the seed and all that happened."""


@dataclass(slots=True)
class Story:
    """What happened under a seed. `ends`: how each launch ended. `fired`: the faults and changes that took place."""

    seed: int
    place: str
    ends: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    trace: list[str] = field(default_factory=list)


class SimulatedClock:
    """Time passes only where someone waits; the wait is a call of a port."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._now_us = 1_800_000_000_000_000

    def now_us(self) -> int:
        """Microseconds UTC."""
        return self._now_us

    def sleep_us(self, duration_us: int) -> None:
        """Wait."""
        with self._gate.call("clock.sleep"):
            self._now_us += duration_us


class GatedDecisions:
    """The decision lines, each reading of them a call."""

    name = "decisions"

    def __init__(self, lines: list[bytes], gate: Gate) -> None:
        self._lines = lines
        self._gate = gate

    def blocks(self) -> Iterator[list[bytes]]:
        """See DecisionSource."""
        for first in range(0, len(self._lines), 4):
            with self._gate.call("decisions.lines", str(first)):
                pass
            yield self._lines[first : first + 4]


@dataclass(frozen=True, slots=True)
class SimulatedReplay(BoundedReplay):
    """The topology, with states that can fail; without a shelf it keeps none."""

    gate: Gate = field(kw_only=True)
    shelf: Shelf | None = field(kw_only=True)

    def _open_store(
        self, states: StateFolder | None, plan: PartitionPlan, identity: StateIdentity
    ) -> StateStore | None:
        if self.shelf is None or self.engine == "reference":
            return None
        name = f"{plan.stream}/{plan.partition}"
        live: Live | None = None
        try:
            with self.gate.call("state.open", f"{name} {plan.start_from} {plan.start}"):
                found = self.shelf.checkpoints(plan.stream, plan.partition)
                live = self.shelf.open(identity, best_first(plan, identity, found))
        except (CrashError, StateError):
            if live is not None:
                self.shelf.died(live)
            raise
        if live.checkpoint is not None:
            self.gate.fired.append("checkpoint used")
            self.gate.trace.append(f"from the checkpoint at {live.checkpoint.frontier}")
        return GatedState(self.shelf, live, self.gate, name)


@dataclass(slots=True)
class _Launch:
    """One launch and how it ended: finished, crashed, failed, refused."""

    gate: Gate
    log: ReaderLog
    sink: GatedSink
    end: str = ""
    error: OfsError | None = None


class Simulation:
    """All launches of a seed."""

    def __init__(self, seed: int, scratch: Path) -> None:
        self._chance = random.Random(seed)
        self._scratch = scratch
        self._scenario: Scenario = make_scenario(seed, self._chance)
        self._place: Place = _place(self._scenario.place, scratch)
        self._shelf = _shelf(self._scenario.state, scratch)
        self._seen: dict[str, Outputs | None] = {}
        self._facts: list[dict[str, ModelTopic]] = []
        self.story = Story(seed, self._scenario.place)

    def run(self) -> Story:
        """Launch until it ends. Raises SimulationFailed."""
        faulty = self._chance.choice((0, 1, 1, 2, 3, FAULTY_LAUNCHES_MAX))
        end = ""
        while end not in ("finished", "refused"):
            number = len(self.story.ends)
            self._expect(number <= faulty + 1, f"launch {number} without faults did not end the run")
            end = self._launch_and_check(number, is_faulty=number < faulty)
        if end == "finished" and self.story.fired["recreation"] == 0:
            again = self._launch_and_check(len(self.story.ends), is_faulty=False)
            self._expect(again == "finished", "a finished run was not recognised")
        return self.story

    def _launch_and_check(self, number: int, *, is_faulty: bool) -> str:
        self.story.trace.append(f"launch {number}")
        launch = self._launch(number, is_faulty=is_faulty)
        self.story.trace += launch.gate.trace
        self.story.calls += launch.gate.total
        self.story.fired.update(launch.gate.fired)
        self.story.trace.append(f"launch {number} {launch.end} {launch.error or ''}".rstrip())
        self._check(launch)
        self.story.ends.append(launch.end)
        return launch.end

    def _launch(self, number: int, *, is_faulty: bool) -> _Launch:
        chance = random.Random(f"{self.story.seed} launch {number}")
        cluster = self._scenario.cluster
        baton = Baton(random.Random(f"{self.story.seed} baton {number}"), chance.choice((0, 0.1, 0.5, 1)))
        gate = Gate(
            baton,
            draw_faults(chance, self._scenario.place) if is_faulty else [],
            draw_changes(chance, cluster) if is_faulty else [],
        )
        if isinstance(self._place, TopicPlace) and number > 0 and chance.random() < 0.8:
            nth = chance.randint(1, 20)
            gate.changes.append(Change(nth, "zombie", apply=self._place.wake, among="broker."))
        if isinstance(self._shelf, MemoryShelf) and chance.random() < 0.2:
            nth = chance.randint(1, 40)
            gate.changes.append(Change(nth, "rot", apply=partial(self._shelf.rot, chance.randint(0, 9))))
        reads = random.Random(f"{self.story.seed} reads {number}")
        launch = _Launch(gate, ReaderLog(cluster, gate, reads), GatedSink(self._place, gate))
        options = ReplayOptions(
            workers=chance.randint(1, 3),
            batch_size=chance.choice((1, 2, 3, 7, 1000)),
            max_skew_us=self._scenario.max_skew_us,
            end_wait_us=chance.choice((0, 300_000)),
            state_memory_bytes=chance.choice((None, 1, 2_000)),
            checkpoint_records=chance.choice((None, 1, 5)),
        )
        self.story.trace.append(f"batch size {options.batch_size}, workers {options.workers}")
        replay = SimulatedReplay(
            log=launch.log,
            decisions=GatedDecisions(self._scenario.lines, gate),
            registry=Registry.of(self._scenario.world.groups),
            sink=launch.sink,
            options=options,
            engine=ENGINE,
            basis=self._scenario.basis,
            clock=SimulatedClock(gate),
            gate=gate,
            shelf=self._shelf,
        )
        with one_at_a_time(baton), modelled_reads(), launch.log.watched():
            self._end(launch, replay)
        return launch

    def _end(self, launch: _Launch, replay: BoundedReplay) -> None:
        try:
            replay.run()
            launch.end = "finished"
        except CrashError:
            launch.end = "crashed"
        except OfsError as error:
            launch.end, launch.error = "refused" if _is_refusal(error) else "failed", error
        except Exception as error:  # noqa: BLE001  (whatever it is, it is no error of OFS: a defect)
            self.story.trace += launch.gate.trace
            self._expect(condition=False, message=f"ended by {type(error).__name__}: {error}")
        if launch.gate.is_dead:  # also where another thread had failed before, and the run was on its way out
            launch.sink.died()
            launch.end, launch.error = "crashed", None

    def _check(self, launch: _Launch) -> None:
        """What a reader sees is right, and the launch had a reason to end as it did."""
        replay_id = launch.sink.replay_id
        before = self._seen.get(replay_id)
        now = self._place.visible(replay_id)
        self._seen[replay_id] = now
        if replay_id:
            self._facts.append(launch.log.facts)
        if now != before:
            self._expect(now is not None, "outputs are gone")
            if now is not None:
                self._check_outputs(now, launch.log.facts)
        if launch.end == "finished":
            self._expect(now is not None and now.run is not None, "a run that ended left no outputs")
        elif isinstance(launch.error, RequestConflictError):
            others = [seen for other, seen in self._seen.items() if other != replay_id and seen is not None]
            is_taken = any(seen.run is not None for seen in others)
            self._expect(is_taken, "refused for another run that is not there")
        elif launch.end == "refused":
            expected = self._expected(launch.log.facts)
            is_other = now is not None and not _is_part(now, expected)
            self._expect(is_other, "the run was refused although nothing has changed")
        elif launch.error is not None:
            is_told = launch.error in launch.gate.injected
            is_gone = isinstance(launch.error, SourceError) and self._was_harmed(launch.gate)
            self._expect(
                is_told or is_gone, f"ended by itself: {type(launch.error).__name__}: {launch.error}"
            )

    def _was_harmed(self, gate: Gate) -> bool:
        return not {"retention", "loss", "compaction", "recreation"}.isdisjoint(gate.fired)

    def _expected(self, facts: dict[str, ModelTopic]) -> Outputs:
        log = Cluster(facts).undisturbed()
        given = self._scenario
        return undisturbed(log, given.world, given.lines, given.basis, given.max_skew_us)

    def _check_outputs(self, now: Outputs, facts: dict[str, ModelTopic]) -> None:
        if now.run is None:
            self._expect(self._scenario.place == "topics", "half a run is visible")
            # launches that saw the log differently can have written different outputs; none of them ends then
            told = [self._expected(seen) for seen in self._facts]
            is_right = all(any(_is_part(one, whole) for whole in told) for one in now.apart())
            self._expect(is_right, "a reader sees what the semantics do not say")
            return
        expected = self._expected(facts)
        if expected.run is None:
            raise RuntimeError("the reference does not end")
        for name in ("parity", "snapshots", "dead_letters"):
            self._expect(getattr(now, name) == getattr(expected, name), f"{name} differ")
        self._check_certificate(now.certificate or {}, expected.certificate or {}, Cluster(facts))
        for name in ("replay_id", "request", "decisions", "results", "reasons", "parity_digest"):
            self._expect(now.run[name] == expected.run[name], f"run record: {name} differs")
        self.story.results.update(now.run["results"])
        self.story.results.update(now.run["reasons"])

    def _check_certificate(self, now: dict[str, Any], expected: dict[str, Any], truth: Cluster) -> None:
        """A checkpoint may reach further back than the planned start: then its counts are over all of that."""
        for mine, planned in zip(now["partitions"], expected["partitions"], strict=True):
            kept = _RANGE_FREE if mine["start"] != planned["start"] else mine.keys() - _ROUTE
            if mine["start_from"] != "checkpoint":
                kept = mine.keys()
            for name in kept:
                self._expect(mine[name] == planned[name], f"certificate: {name} differs")
            if mine["start"] != planned["start"]:
                span = OffsetRange(mine["start"], max(mine["start"], mine["end"]))
                found = truth.content(mine["stream"], mine["partition"], span)
                self._expect((mine["records"], mine["content_digest"]) == found, "certificate: other content")
        if all(mine["start_from"] != "checkpoint" for mine in now["partitions"]):
            self._expect(now == expected, "certificates differ")

    def _expect(self, condition: bool, message: str) -> None:
        if not condition:
            story = "\n".join(self.story.trace)
            raise SimulationFailed(
                f"seed {self.story.seed}: {message}; again with: make simulate SEED={self.story.seed}\n{story}"
            )


def _is_refusal(error: OfsError) -> bool:
    """The place holds another run (of a topic that was made anew), or what this one computed when the log was other."""
    if isinstance(error, RequestConflictError):
        return True
    return isinstance(error, SinkError) and "earlier launch of this run committed" in error.message


def _is_part(some: Outputs, whole: Outputs) -> bool:
    """Each output is the beginning of the whole one."""
    pairs = (
        (some.parity, whole.parity),
        (some.snapshots, whole.snapshots),
        (some.dead_letters, whole.dead_letters),
    )
    return all(part == all_of_it[: len(part)] for part, all_of_it in pairs)


def _shelf(kind: str, scratch: Path) -> Shelf | None:
    if kind == "folder":
        return FolderShelf(scratch / "state")
    return MemoryShelf() if kind == "memory" else None


def _place(kind: str, scratch: Path) -> Place:
    if kind == "folder":
        return FolderPlace(scratch / "outputs")
    return TopicPlace() if kind == "topics" else MemoryPlace()


def simulate(seed: int, scratch: Path) -> Story:
    """Run one seed in an empty folder. Raises SimulationFailed."""
    return Simulation(seed, scratch).run()
