"""A/A: one batch run several times, executed otherwise each time; the digests of all outputs must be equal.

What OFS says of the online plane is worth something only where OFS agrees with itself.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ofs.contracts import SelfCheck, SelfCheckRun
from ofs.errors import InvariantViolation, StateError, UsageError
from ofs.ports import EventLog, RecordBatch, StreamInfo
from ofs.runtime.report import ReplayReport
from ofs.units import OffsetRange

RUNS_MIN: Final = 2
CERTIFICATE: Final = "certificate.json"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is executed, none of which may change a byte of its outputs.

    `has_uneven_reads`: batches of drawn lengths instead of full ones. `is_on_disk`: its state is in RocksDB,
    with little of it in memory and checkpoints on the way.
    """

    batch_size: int
    workers: int
    has_uneven_reads: bool
    is_on_disk: bool


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """One run: its manner, and the SHA-256 of each output by name."""

    manner: Manner
    digests: dict[str, str]
    records_read: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SelfCheckReport:
    """The runs of a self-check, all of one request."""

    replay_id: str
    runs: tuple[CheckedRun, ...]

    @property
    def differing(self) -> list[str]:
        """The outputs that are not the same in all runs."""
        first = self.runs[0].digests
        return sorted(
            name for name in first if any(run.digests.get(name) != first[name] for run in self.runs[1:])
        )

    @property
    def is_equal(self) -> bool:
        """Whether all runs gave the same bytes."""
        return not self.differing

    def to_contract(self) -> SelfCheck:
        """What a run record says of it."""
        runs = tuple(
            SelfCheckRun(
                batch_size=run.manner.batch_size,
                workers=run.manner.workers,
                uneven_reads=run.manner.has_uneven_reads,
                state_on_disk=run.manner.is_on_disk,
            )
            for run in self.runs
        )
        return SelfCheck(runs=runs, equal=self.is_equal)


RunOnce = Callable[[EventLog, Manner, Path | None], ReplayReport]
"""Runs the batch over a log, in a manner, with its state in a folder or in memory, and keeps no outputs."""


def manners(runs: int, *, batch_size: int, workers: int) -> list[Manner]:
    """The manner asked for, then others: smaller and larger batches, other workers, uneven reads, state on disk.

    Raises UsageError below two runs.
    """
    if runs < RUNS_MIN:
        raise UsageError(f"a self-check of {runs} runs compares nothing", hint=f"at least {RUNS_MIN}")
    found = [Manner(batch_size, workers, has_uneven_reads=False, is_on_disk=False)]
    for number in range(1, runs):
        is_smaller = number % 2 == 1
        other_size = max(1, batch_size // (7 * number + 1)) if is_smaller else batch_size * number + 1
        found.append(
            Manner(
                other_size, 1 + (workers + number) % 4, has_uneven_reads=is_smaller, is_on_disk=not is_smaller
            )
        )
    return found


def self_check(
    log: EventLog, run_once: RunOnce, runs: int, *, batch_size: int, workers: int
) -> SelfCheckReport:
    """Run the batch in each manner.

    Effects: a temporary folder for state, removed at the end. Raises what a run raises, StateError, UsageError, and
    InvariantViolation where the runs are not of one request.
    """
    found: list[CheckedRun] = []
    ids: list[str] = []
    for manner in manners(runs, batch_size=batch_size, workers=workers):
        with ExitStack() as stack:
            state = Path(stack.enter_context(_temporary())) if manner.is_on_disk else None
            report = run_once(_Lent(log, is_uneven=manner.has_uneven_reads), manner, state)
        if report.run is None:
            raise InvariantViolation("defect in OFS: a run of a self-check gave no record")
        digests = {name: str(entry["sha256"]) for name, entry in report.run.outputs.items()}
        digests[CERTIFICATE] = report.certificate_digest
        found.append(CheckedRun(manner, digests, report.records_read, report.seconds))
        ids.append(report.replay_id)
    if len(set(ids)) != 1:
        raise InvariantViolation(f"defect in OFS: runs of one request have the ids {', '.join(ids)}")
    return SelfCheckReport(ids[0], tuple(found))


def _temporary() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="ofs-selfcheck-")
    except OSError as error:
        raise StateError(
            f"no temporary folder for state: {error.strerror}", hint="set TMPDIR to a folder with room"
        ) from error


class _Lent:
    """A log that its run does not close, for the runs after it; read in batches of drawn lengths where asked."""

    def __init__(self, log: EventLog, *, is_uneven: bool) -> None:
        self._log: Final = log
        self._is_uneven: Final = is_uneven

    def describe(self, stream: str) -> StreamInfo | None:
        return self._log.describe(stream)

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        return self._log.offset_at(stream, partition, log_ts_us)

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        # the same chance at every check, so that a difference is found again
        chance = random.Random(f"{stream}/{partition}/{span.start}")  # noqa: S311  no secret hangs on it
        for batch in self._log.read(stream, partition, span, max_records):
            start = 0
            while start < len(batch):
                end = start + chance.randint(1, max_records) if self._is_uneven else len(batch)
                yield batch.slice(start, end)
                start = end

    def close(self) -> None:
        """Whoever lent it closes it."""
