"""The composition that `ofs replay` runs.

decisions ──> planner ──> one task a partition ──> assembler ──> sink
              registry     log, state store          engine       parity, snapshots, certificate
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from ofs.contracts.checkpoint import StateIdentity
from ofs.engine.native import NativeEngine
from ofs.engine.port import Engine, StatefulEngine
from ofs.errors import UsageError
from ofs.features import Registry
from ofs.native import core
from ofs.planner.basis import BasisRequest
from ofs.planner.checkpoints import best_first
from ofs.planner.plan import PartitionPlan
from ofs.ports import DecisionSource, EventLog, OutputSink, StateStore
from ofs.runtime.basis import resolve_basis
from ofs.runtime.clock import Clock, SystemClock
from ofs.runtime.replay import ReplayInput, ReplayOptions, run_replay
from ofs.runtime.report import Progress, ReplayReport
from ofs.state.folder import StateFolder

_NO_CORE: Final = (
    "no native core was built, so the reference engine runs, which is slow: install cargo, run `make setup`"
)


def _ignore(_progress: Progress) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class BoundedReplay:
    """One run: where it reads, what it answers, where it writes, and how.

    `engine`: auto, native or reference. `state`: a folder for RocksDB state, None for memory.
    `is_audit`: one quick question: RocksDB checks each block of the state that it reads, instead of all files before.
    Closes the log.
    """

    log: EventLog
    decisions: DecisionSource
    registry: Registry
    sink: OutputSink
    options: ReplayOptions
    engine: str = "auto"
    state: Path | None = None
    is_audit: bool = False
    basis: BasisRequest | None = None
    progress: Callable[[Progress], None] = _ignore
    clock: Clock = field(default_factory=SystemClock)

    def run(self) -> ReplayReport:
        """Run to the end; see `ofs.runtime.replay.run_replay`."""
        engine, notices = choose_engine(self.engine)
        states = self._states(engine)
        with closing(self.log):
            log, basis, mapping = resolve_basis(self.log, self.basis)
            report = run_replay(
                engine,
                ReplayInput(log, self.decisions, self.registry, basis, mapping),
                self.sink,
                self.options,
                clock=self.clock,
                open_store=partial(self._open_store, states),
                progress=self.progress,
                notices=notices,
            )
        return report if states is None else replace(report, notices=(*report.notices, *states.notices))

    def _states(self, engine: Engine) -> StateFolder | None:
        """Where partitions' states are kept; the reference engine keeps its own in memory."""
        if self.state is None or not isinstance(engine, StatefulEngine):
            return None
        return StateFolder(self.state, reads_tables=not self.is_audit)

    def _open_store(
        self, states: StateFolder | None, plan: PartitionPlan, identity: StateIdentity
    ) -> StateStore | None:
        """The state of one partition, from the best checkpoint there is."""
        if states is None:
            return None
        candidates = best_first(plan, identity, states.checkpoints(plan.stream, plan.partition))
        return states.open(identity, candidates)


def choose_engine(name: str) -> tuple[Engine, tuple[str, ...]]:
    """The engine of that name and what its user should be told. Raises UsageError for native without a core."""
    if name == "reference":
        return _reference_engine(), ()
    if name not in ("auto", "native"):
        raise UsageError(f"{name}: not an engine", hint="one of auto, native, reference")
    if core is not None:
        return NativeEngine(), ()
    if name == "native":
        raise UsageError(
            "the native core was not built", hint="install cargo and run `make setup`, or leave --engine out"
        )
    return _reference_engine(), (_NO_CORE,)


def _reference_engine() -> Engine:
    """It brings the executable semantics along, which a native run does not need."""
    from ofs.engine.reference import ReferenceEngine

    return ReferenceEngine()
