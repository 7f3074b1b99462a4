"""What `ofs demo` runs: build the input from real flights, replay it twice, and hold the verdicts to the truth."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ofs
from ofs.canonical import sha256_hex
from ofs.errors import ExitCode, SinkError, UsageError
from ofs.runtime.memory import peak_memory_bytes
from ofs.runtime.report import ReplayReport
from topologies.flights.build import (
    DECISIONS_FILE,
    EVENTS_FOLDER,
    REGISTRY,
    TRUTH_FILE,
    BuildReport,
    Progress,
)
from topologies.flights.build_apart import build_apart
from topologies.flights.source import DAYS
from topologies.flights.verify import Comparison, compare

__all__ = ["DemoReport", "run_demo"]

_RUNS: Final = ((1, 8_192), (2, 1_000))
"""Workers and batch size of the two runs."""

_OUTPUTS_FOLDER: Final = "replay"

_FIELDS_SHOWN: Final = 10
_KINDS: Final = {"history_enough": "history_enough (no fault)"}


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The outcome.

    `folder`: where input and outputs were kept; None: nowhere. `memory_bytes`: the peak of the process that replays.
    """

    built: BuildReport
    first: ReplayReport
    again: ReplayReport
    comparison: Comparison
    seconds: float
    memory_bytes: int
    folder: str | None

    @property
    def digest(self) -> str:
        """SHA-256 over the parity digest and the certificate digest, as hex text one after the other."""
        return sha256_hex(f"{self.first.parity_digest}{self.first.certificate_digest}".encode())

    @property
    def is_reproduced(self) -> bool:
        """Whether both runs of the batch have the same bytes."""
        return (
            self.first.replay_id == self.again.replay_id
            and self.first.parity_digest == self.again.parity_digest
            and self.first.certificate_digest == self.again.certificate_digest
        )

    @property
    def exit_code(self) -> ExitCode:
        """0 where every spoiled decision was found and no other, twice with the same bytes."""
        is_proved = self.comparison.is_exact and self.is_reproduced
        return ExitCode.ALL_MATCH if is_proved else ExitCode.MISMATCH

    def lines(self) -> list[str]:
        """The end of the screen."""
        return [*self._table(), "", *self._proof()]

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "flights": self.built.flights,
            "features": self.built.features,
            "decisions": self.first.decisions,
            "results": dict(sorted(self.first.results.items())),
            "reasons": dict(sorted(self.first.reasons.items())),
            "mismatch_fields": dict(sorted(self.first.mismatch_fields.items())),
            "spoiled": self.comparison.planned,
            "found": self.comparison.found,
            "wrong_count": self.comparison.wrong_count,
            "wrong": list(self.comparison.wrong),
            "every_spoiled_one_found_and_no_other": self.comparison.is_exact,
            "a_a_equal": self.is_reproduced,
            "records_read": self.first.records_read,
            "records_per_second": round(_rate(self.first)),
            "seconds": round(self.seconds, 1),
            "memory_bytes": self.memory_bytes,
            "engine": self.first.engine,
            "parity_digest": self.first.parity_digest,
            "certificate_digest": self.first.certificate_digest,
            "digest": self.digest,
            "folder": self.folder,
            "exit_code": int(self.exit_code),
        }

    def _table(self) -> list[str]:
        first = self.first
        rows = [("decisions", _count(first.decisions)), ("MATCH", _count(first.results.get("MATCH", 0)))]
        rows.append(("MISMATCH", _count(first.results.get("MISMATCH", 0))))
        fields = sorted(first.mismatch_fields.items(), key=lambda entry: (-entry[1], entry[0]))
        rows += [(f"  {name}", _count(count)) for name, count in fields[:_FIELDS_SHOWN]]
        if len(fields) > _FIELDS_SHOWN:
            rows.append((f"  and {len(fields) - _FIELDS_SHOWN} fields more", ""))
        rows.append(("UNCHECKABLE", _count(first.results.get("UNCHECKABLE", 0))))
        rows += [(f"  {name}", _count(count)) for name, count in sorted(first.reasons.items())]
        rows.append(("done on purpose: found of planned", ""))
        found = self.comparison.found
        rows += [
            (f"  {_KINDS.get(kind, kind)}", f"{_count(found.get(kind, 0))} of {_count(planned)}")
            for kind, planned in self.comparison.planned.items()
        ]
        return _columns(rows)

    def _proof(self) -> list[str]:
        first, again = self.first, self.again
        verdict = (
            "every spoiled one found and no other"
            if self.comparison.is_exact
            else f"WRONG: {self.comparison.wrong_count} decisions have another verdict than expected"
        )
        same = "equal digests" if self.is_reproduced else "WRONG: the digests differ"
        (workers, batch), (other_workers, other_batch) = _RUNS
        speed = f"{_count(round(_rate(first)))} events/s, {_count(round(first.decisions / first.seconds))} decisions/s"
        runs = f"{workers} worker, batches of {batch:,} against {other_workers} workers, batches of {other_batch:,}"
        rows = [
            (
                "input",
                f"{_count(self.built.flights)} flights, {self.built.features} features of three groups",
            ),
            (
                "replay",
                f"{_count(first.records_read)} events in {first.seconds:.1f} s, {speed}, {first.engine} engine",
            ),
            ("memory", f"{self.memory_bytes / 2**20:,.0f} MiB at most"),
            ("verdicts", verdict),
            ("A/A", f"{runs} ({again.seconds:.1f} s): {same}"),
            ("kept in", self.folder or ""),
            ("digest", self.digest),
        ]
        return [*_columns([row for row in rows if row[1]]), *self.comparison.wrong]


def run_demo(
    folder: Path | None = None,
    *,
    keep: bool = False,
    days: int = DAYS,
    engine: str = "auto",
    progress: Progress = lambda _stage, _done, _total: None,
) -> DemoReport:
    """Build, replay twice, compare.

    `folder`: a new or empty one, where input and outputs stay; None: a temporary one, removed unless `keep`.
    `days`: of the year's first days only. Raises UsageError for a folder with something in it, and what `build_apart`
    and `ofs.replay` raise.
    """
    started = time.monotonic()
    with _workplace(folder, keep=keep) as place:
        built = build_apart(place, days=days, progress=progress)
        first = _replay(place, _RUNS[0], place / _OUTPUTS_FOLDER, engine, progress)
        # the other run's bytes are known by their digests: only one copy is on the disk
        again = _replay(place, _RUNS[1], None, engine, progress)
        return DemoReport(
            built=built,
            first=first,
            again=again,
            comparison=compare(place / _OUTPUTS_FOLDER / "parity.jsonl", place / TRUTH_FILE),
            seconds=time.monotonic() - started,
            memory_bytes=peak_memory_bytes(),
            folder=str(place) if keep or folder is not None else None,
        )


@contextmanager
def _workplace(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    if folder is not None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} is not an empty folder", hint="choose a new or empty one")
        yield folder
        return
    try:
        place = Path(tempfile.mkdtemp(prefix="ofs-demo-"))
    except OSError as error:
        raise SinkError(
            f"no temporary folder: {error.strerror or error}", hint="give one with --dir"
        ) from error
    try:
        yield place
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def _replay(
    place: Path, run: tuple[int, int], out: Path | None, engine: str, progress: Progress
) -> ReplayReport:
    name = "replay" if out is not None else "replay again"
    return ofs.replay(
        events=f"archive:{place / EVENTS_FOLDER}",
        decisions=str(place / DECISIONS_FILE),
        features=REGISTRY,
        out=out,
        snapshots="mismatch",
        workers=run[0],
        batch_size=run[1],
        engine=engine,
        progress=lambda event: progress(f"{name}: {event.stage}", event.done, event.total),
    )


def _rate(report: ReplayReport) -> float:
    return report.records_read / report.seconds if report.seconds > 0 else 0.0


def _count(number: int) -> str:
    return f"{number:,}"


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{name.ljust(width)}  {value}".rstrip() for name, value in rows]
