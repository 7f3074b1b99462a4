"""The composition that `ofs rows` runs.

log ──> order of arrival ──> one fold a partition ──> merge ──> sink
        decode                engine                   engine     Parquet, topic, certificate
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from ofs.contracts.identity import CanonicalPins
from ofs.engine.native_rows import NativeRowEngine
from ofs.engine.rows import RowEngine
from ofs.features import Locked
from ofs.planner.basis import BasisRequest
from ofs.ports import EventLog, RowSink
from ofs.runtime.basis import resolve_basis
from ofs.runtime.clock import Clock, SystemClock
from ofs.runtime.report import Progress
from ofs.runtime.rows import RowsInput, RowsOptions, run_rows
from ofs.runtime.rows_report import RowsReport
from topologies.bounded_replay.topology import choose_engine


def _ignore(_progress: Progress) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class BoundedRows:
    """One run: where it reads, what rows are made of, where they go, and how. `engine`: see BoundedReplay.

    Closes the log.
    """

    log: EventLog
    stream: str
    locked: tuple[Locked, ...]
    pins: CanonicalPins
    sink: RowSink
    options: RowsOptions
    engine: str = "auto"
    basis: BasisRequest | None = None
    progress: Callable[[Progress], None] = _ignore
    clock: Clock = field(default_factory=SystemClock)

    def run(self) -> RowsReport:
        """Run to the end; see `ofs.runtime.rows.run_rows`."""
        engine, notices = choose_row_engine(self.engine)
        with closing(self.log):
            log, _, mapping = resolve_basis(self.log, self.basis)
            return run_rows(
                engine,
                RowsInput(log, self.stream, self.locked, self.pins, mapping),
                self.sink,
                self.options,
                clock=self.clock,
                progress=self.progress,
                notices=notices,
            )


def choose_row_engine(name: str) -> tuple[RowEngine, tuple[str, ...]]:
    """The engine of that name and what its user should be told. Raises UsageError for native without a core."""
    engine, notices = choose_engine(name)
    if engine.name == NativeRowEngine.name:
        return NativeRowEngine(), notices
    from ofs.engine.reference_rows import ReferenceRowEngine

    return ReferenceRowEngine(), notices
