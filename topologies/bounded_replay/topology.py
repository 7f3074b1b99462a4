"""The composition that `ofs replay` runs.

decisions ──> planner ──> one task a partition ──> assembler ──> sink
              registry     log, state store          engine       parity, snapshots, certificate
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ofs.engine.native import NativeEngine
from ofs.engine.port import Engine
from ofs.engine.reference import ReferenceEngine
from ofs.errors import UsageError
from ofs.features import Registry
from ofs.native import core
from ofs.planner.basis import BasisRequest
from ofs.ports import DecisionSource, EventLog, OutputSink, StateStore
from ofs.runtime.basis import resolve_basis
from ofs.runtime.clock import Clock, SystemClock
from ofs.runtime.replay import ReplayInput, ReplayOptions, run_replay
from ofs.runtime.report import Progress, ReplayReport
from ofs.sources.archive.manifest import stream_folder
from ofs.state.rocks import RocksStateStore

_NO_CORE: Final = (
    "no native core was built, so the reference engine runs, which is slow: install cargo, run `make setup`"
)


def _ignore(_progress: Progress) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class BoundedReplay:
    """One run: where it reads, what it answers, where it writes, and how.

    `engine`: auto, native or reference. `state`: a folder for RocksDB state, None for memory. Closes the log.
    """

    log: EventLog
    decisions: DecisionSource
    registry: Registry
    sink: OutputSink
    options: ReplayOptions
    engine: str = "auto"
    state: Path | None = None
    basis: BasisRequest | None = None
    progress: Callable[[Progress], None] = _ignore
    clock: Clock = field(default_factory=SystemClock)

    def run(self) -> ReplayReport:
        """Run to the end; see `ofs.runtime.replay.run_replay`."""
        engine, notices = choose_engine(self.engine)
        with closing(self.log):
            log, basis, mapping = resolve_basis(self.log, self.basis)
            return run_replay(
                engine,
                ReplayInput(log, self.decisions, self.registry, basis, mapping),
                self.sink,
                self.options,
                clock=self.clock,
                open_store=self._open_store,
                progress=self.progress,
                notices=notices,
            )

    def _open_store(self, stream: str, partition: int, start_from: str) -> StateStore | None:
        """A fresh state for one fold: a run's state is its own until checkpoints carry it over."""
        if self.state is None:
            return None
        folder = stream_folder(self.state, stream) / f"{partition}.{start_from}"
        shutil.rmtree(folder, ignore_errors=True)
        return RocksStateStore(folder)


def choose_engine(name: str) -> tuple[Engine, tuple[str, ...]]:
    """The engine of that name and what its user should be told. Raises UsageError for native without a core."""
    if name == "reference":
        return ReferenceEngine(), ()
    if name not in ("auto", "native"):
        raise UsageError(f"{name}: not an engine", hint="one of auto, native, reference")
    if core is not None:
        return NativeEngine(), ()
    if name == "native":
        raise UsageError(
            "the native core was not built", hint="install cargo and run `make setup`, or leave --engine out"
        )
    return ReferenceEngine(), (_NO_CORE,)
