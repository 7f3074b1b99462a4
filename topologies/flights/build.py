"""The input of the demo, made from the table of flights: the log's archive, the decisions, and what is true of them.

DIR/events            archive of the streams `flights` and `flights_late`, the second without its first part
DIR/decisions.ndjson.gz   one DecisionRecord a departure, in time order
DIR/truth.json        what was done to which decision, and what the replay must find
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from ofs.errors import SinkError, invariant
from ofs.features import Registry
from ofs.sources.archive import import_ndjson
from ofs.units import SECOND_US, format_timestamp_us, parse_timestamp_us
from topologies.flights.deciding import GROUPS, OTHER_VERSION, STREAM, LiveDesk, Moment
from topologies.flights.events import PARTITIONS, PINS, LoggedReport, import_lines, reports
from topologies.flights.source import DAYS, FIRST_DAY, load
from topologies.flights.spoils import LATE_STREAM, Answer, Expectation, Spoiler
from topologies.live_ofp import decision_record

__all__ = ["DECISIONS_FILE", "EVENTS_FOLDER", "REGISTRY", "TRUTH_FILE", "BuildReport", "Progress", "build"]

REGISTRY: Final = Path(__file__).parent / "registry"
EVENTS_FOLDER: Final = "events"
DECISIONS_FILE: Final = "decisions.ndjson.gz"
TRUTH_FILE: Final = "truth.json"

Progress = Callable[[str, int, int | None], None]
"""(stage, done, total)."""

_SEED: Final = 2013
_LATE_PART: Final = 4
_GZIP_LEVEL: Final = 1
_TOLD_EVERY: Final = 2_000


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built. `spoiled`: decisions by what was done to them; `features`: of the groups that they name."""

    flights: int
    decisions: int
    features: int
    spoiled: dict[str, int]
    decisions_bytes: int
    events_bytes: int


def build(
    folder: Path, *, days: int = DAYS, progress: Progress = lambda _stage, _done, _total: None
) -> BuildReport:
    """Make the demo's input in a folder; the same bytes of truth and decisions everywhere.

    `days`: of the year's first days only. Raises SinkError where the folder holds an input already or cannot be
    written, SourceError where the table is not there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        flights = load(days)
        logged = reports(flights)
        late_from_us = _late_from_us(days)
        late = [report for report in logged if report.logged_us >= late_from_us]
        for stream, records in ((STREAM, logged), (LATE_STREAM, late)):
            _archive(records, stream, folder / EVENTS_FOLDER, progress)
        registry = Registry.load(REGISTRY)
        desk = LiveDesk([locked.group for locked in registry], PARTITIONS)
        late_cut = {
            partition: min(r.offset for r in late if r.partition == partition)
            for partition in range(PARTITIONS)
        }
        spoiler = Spoiler(desk, seed=_SEED, late_from_us=late_from_us, late_cut=late_cut)
        truth = _Truth()
        moments = desk.moments(flights, logged)
        _write_decisions(folder / DECISIONS_FILE, _decided(moments, spoiler, truth), len(flights), progress)
        (folder / TRUTH_FILE).write_bytes(truth.to_bytes())
    except OSError as error:
        raise SinkError(
            f"{folder}: {error.strerror or error}", hint="choose a folder that can be written"
        ) from error
    return BuildReport(
        flights=len(flights),
        decisions=truth.decisions,
        features=_feature_count(registry),
        spoiled=dict(sorted(truth.by_kind.items())),
        decisions_bytes=(folder / DECISIONS_FILE).stat().st_size,
        events_bytes=sum(
            file.stat().st_size for file in (folder / EVENTS_FOLDER).rglob("*") if file.is_file()
        ),
    )


class _Truth:
    """What was done to the decisions, gathered while they are written."""

    def __init__(self) -> None:
        self.decisions = 0
        self.by_kind: Final[Counter[str]] = Counter()
        self._expected: Final[list[dict[str, Any]]] = []

    def add(self, decision_id: str, expectation: Expectation | None) -> None:
        self.decisions += 1
        if expectation is None:
            return
        self.by_kind[expectation.kind.value] += 1
        self._expected.append(
            {
                "decision_id": decision_id,
                "kind": expectation.kind.value,
                "result": expectation.result,
                "reason": expectation.reason,
                "fields": list(expectation.fields),
            }
        )

    def to_bytes(self) -> bytes:
        """One member a line, to be read by people too."""
        expected = ",\n".join(json.dumps(entry) for entry in self._expected)
        return f'{{"decisions":{self.decisions},"expected":[\n{expected}\n]}}\n'.encode()


def _decided(moments: Iterable[Moment], spoiler: Spoiler, truth: _Truth) -> Iterator[bytes]:
    for moment in moments:
        decision_id = f"dep-{moment.flight.flight_id}"
        answer = spoiler.answer(moment)
        truth.add(decision_id, answer.expectation)
        yield _line(decision_id, moment, answer)


def _line(decision_id: str, moment: Moment, answer: Answer) -> bytes:
    record = decision_record(
        answer.snapshot,
        decision_id=decision_id,
        pins=PINS,
        decided_at_utc=format_timestamp_us(moment.flight.event_time_us),
        with_features=True,
    )
    if not answer.has_basis:
        del record["basis"]
    return orjson.dumps(record)


def _write_decisions(path: Path, lines: Iterable[bytes], total: int, progress: Progress) -> None:
    # no name and no time in the header: the same bytes wherever and whenever it is written
    with path.open("xb") as raw, gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as file:
        for done, line in enumerate(lines):
            file.write(line + b"\n")
            if done % _TOLD_EVERY == 0:
                progress("deciding", done, total)
    progress("deciding", total, total)


def _archive(records: list[LoggedReport], stream: str, folder: Path, progress: Progress) -> None:
    stage, total = f"archiving {stream}", len(records)
    manifest = import_ndjson(
        import_lines(records), stream, folder, progress=lambda done, _: progress(stage, done, total)
    )
    archived = sum(file.records for partition in manifest.partitions for file in partition.files)
    invariant(archived == total, f"{stream}: {archived} of {total} records were archived")


def _late_from_us(days: int) -> int:
    """Log time at which the late stream's archive starts: a quarter of the days is gone."""
    first = parse_timestamp_us(f"{(FIRST_DAY + timedelta(days=days // _LATE_PART)).isoformat()}T00:00:00Z")
    invariant(first is not None, "the first day of the late stream is no day")
    return (first or 0) + 12 * 3_600 * SECOND_US


def _feature_count(registry: Registry) -> int:
    invariant(registry.get(*OTHER_VERSION) is not None, "the other version is not in the registry")
    named = [registry.get(*name) for name in GROUPS.values()]
    return sum(len(locked.group.features) for locked in named if locked is not None)
