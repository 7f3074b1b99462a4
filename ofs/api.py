"""The Python API: `ofs.replay`, `ofs.snapshot`, `ofs.rows`, `ofs.selfcheck`, for notebooks and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace as with_members
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ofs.contracts import ParityResult, Reason, SnapshotOutput
from ofs.contracts.identity import CanonicalPins
from ofs.errors import InvariantViolation, NotCheckableError, UsageError
from ofs.features import Locked, Registry
from ofs.parity.records import reason_text
from ofs.planner.basis import BasisRequest, offset_basis, time_basis
from ofs.ports import DecisionSource, EventLog, OutputSink, RowSink
from ofs.runtime.endpoints import open_decisions, open_events, open_row_sink, open_sink
from ofs.runtime.garbage import rare_collections
from ofs.runtime.replay import ReplayOptions
from ofs.runtime.report import Progress, ReplayReport
from ofs.runtime.selfcheck import Manner, SelfCheckReport, self_check
from ofs.sinks.discard import DiscardSink
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.units import parse_duration_us, parse_timestamp_us
from topologies.bounded_replay import BoundedReplay

if TYPE_CHECKING:
    from ofs.runtime.rows_report import RowsReport

__all__ = ["replay", "rows", "selfcheck", "snapshot"]

_ASKED: Final = "snapshot"
_CHECK_POINTS: Final = 4
"""Batches from one checkpoint to the next, in a run of a self-check with its state on disk."""
_CHECK_MEMORY_BYTES: Final = 16 * 1024 * 1024


def _ignore(_progress: Progress) -> None:
    """Progress that nobody watches."""


@rare_collections()
def replay(
    *,
    events: str | EventLog,
    decisions: str | DecisionSource,
    features: str | Path | Registry,
    out: str | Path | None = None,
    sink: str | OutputSink | None = None,
    archive: str | Path | None = None,
    create_topics: bool = False,
    snapshots: str = "all",
    workers: int = 1,
    batch_size: int = 8_192,
    max_clock_skew: str = "5m",
    read_rate: int | None = None,
    engine: str = "auto",
    state: str | Path | None = None,
    state_memory: int | None = None,
    checkpoint_every: int | None = None,
    checkpoint_after: str | None = None,
    basis: Mapping[str, Mapping[str, list[int]]] | None = None,
    basis_time: tuple[str, str] | None = None,
    streams: Sequence[str] = (),
    self_check_runs: int | None = None,
    progress: Callable[[Progress], None] = _ignore,
) -> ReplayReport:
    """Replay the log for a batch of decisions and say MATCH, MISMATCH or UNCHECKABLE for each.

    `events`: `archive:DIR`, `kafka://HOST:PORT` (with `archive` beside it: one logical stream) or an EventLog.
    `decisions`: a file (plain, gzip, `-`), `kafka://HOST:PORT/TOPIC[?PARTITION=START-END]` or a DecisionSource.
    `out` or `sink`: a folder, or `kafka://HOST:PORT`; neither: the outputs are not kept, only the report.
    `snapshots`: all, mismatch or none. `read_rate`: records a second.
    `state`: a folder of RocksDB states: a run starts from the best checkpoint there and leaves one at its end, and one
    after each `checkpoint_every` offsets of a partition or the duration `checkpoint_after`. `state_memory`: bytes of
    state that stay resident beside it.
    `basis`: `{stream: {"0": [start, end]}}`; or `basis_time`: log time `[from, to)` of `streams`.
    `self_check_runs`: before anything is written, the batch is run so many times and compared, as by `selfcheck`.
    Raises UsageError, DefinitionError, SourceError, SinkError, StateError; InvariantViolation: a self-check differs.
    """
    options = ReplayOptions(
        snapshots=_snapshot_output(snapshots),
        workers=_positive("workers", workers),
        batch_size=_positive("batch_size", batch_size),
        max_skew_us=_duration("max_clock_skew", max_clock_skew),
        state_memory_bytes=_positive_or_none("state_memory", state_memory),
        checkpoint_records=_positive_or_none("checkpoint_every", checkpoint_every),
        checkpoint_us=None if checkpoint_after is None else _duration("checkpoint_after", checkpoint_after),
    )
    request = _basis(basis, basis_time, tuple(streams))
    registry = features if isinstance(features, Registry) else Registry.load(features)
    log = _events(events, archive, read_rate)
    source = open_decisions(decisions) if isinstance(decisions, str) else decisions
    if self_check_runs is not None:
        with ExitStack() as stack:
            stack.callback(log.close)
            checked = _checked(log, source, registry, options, engine, request, self_check_runs, progress)
            if not checked.is_equal:
                raise InvariantViolation(
                    f"defect in OFS: runs of one batch differ in {', '.join(checked.differing)}",
                    hint="nothing was written; see `ofs selfcheck`",
                )
            options = with_members(options, self_checked=checked.to_contract())
            stack.pop_all()  # the run that follows reads the log, and closes it
    return BoundedReplay(
        log=log,
        decisions=source,
        registry=registry,
        sink=_sink(out, sink, create_topics=create_topics),
        options=options,
        engine=engine,
        state=None if state is None else Path(state),
        basis=request,
        progress=progress,
    ).run()


@rare_collections()
def selfcheck(
    *,
    events: str | EventLog,
    decisions: str | DecisionSource,
    features: str | Path | Registry,
    archive: str | Path | None = None,
    snapshots: str = "all",
    workers: int = 1,
    batch_size: int = 8_192,
    max_clock_skew: str = "5m",
    read_rate: int | None = None,
    engine: str = "auto",
    basis: Mapping[str, Mapping[str, list[int]]] | None = None,
    basis_time: tuple[str, str] | None = None,
    streams: Sequence[str] = (),
    runs: int = 3,
    progress: Callable[[Progress], None] = _ignore,
) -> SelfCheckReport:
    """Run one batch several times, executed otherwise each time, and compare the digests of all outputs.

    The arguments are those of `replay`; nothing is written. Raises what `replay` raises; a difference is in the report.
    """
    options = ReplayOptions(
        snapshots=_snapshot_output(snapshots),
        workers=_positive("workers", workers),
        batch_size=_positive("batch_size", batch_size),
        max_skew_us=_duration("max_clock_skew", max_clock_skew),
    )
    request = _basis(basis, basis_time, tuple(streams))
    registry = features if isinstance(features, Registry) else Registry.load(features)
    source = open_decisions(decisions) if isinstance(decisions, str) else decisions
    with closing(_events(events, archive, read_rate)) as log:
        return _checked(log, source, registry, options, engine, request, runs, progress)


def _checked(
    log: EventLog,
    decisions: DecisionSource,
    registry: Registry,
    options: ReplayOptions,
    engine: str,
    request: BasisRequest | None,
    runs: int,
    progress: Callable[[Progress], None],
) -> SelfCheckReport:
    def run_once(lent: EventLog, manner: Manner, state: Path | None) -> ReplayReport:
        return BoundedReplay(
            log=lent,
            decisions=decisions,
            registry=registry,
            sink=DiscardSink(),
            options=with_members(
                options,
                batch_size=manner.batch_size,
                workers=manner.workers,
                checkpoint_records=None if state is None else _CHECK_POINTS * manner.batch_size,
                state_memory_bytes=None if state is None else _CHECK_MEMORY_BYTES,
            ),
            engine=engine,
            state=state,
            basis=request,
            progress=progress,
        ).run()

    return self_check(log, run_once, runs, batch_size=options.batch_size, workers=options.workers)


@rare_collections()
def rows(
    *,
    events: str | EventLog,
    stream: str,
    features: str | Path | Registry,
    pins: Mapping[str, Any],
    groups: Sequence[str] = (),
    out: str | Path | None = None,
    sink: str | RowSink | None = None,
    archive: str | Path | None = None,
    create_topics: bool = False,
    workers: int = 1,
    batch_size: int = 8_192,
    max_clock_skew: str = "5m",
    read_rate: int | None = None,
    engine: str = "auto",
    basis: Mapping[str, Mapping[str, list[int]]] | None = None,
    basis_time: tuple[str, str] | None = None,
    progress: Callable[[Progress], None] = _ignore,
) -> RowsReport:
    """Write a row for every event of a stream: the features of its own keys, as they were known just before it.

    `pins`: the ContextPins whose events have rows. `groups`: as `name:version` or `name:latest`; none: every group of
    the registry at its latest version. `out`: a folder, for `rows.parquet`; or `sink`: `kafka://HOST:PORT`, or a
    RowSink; neither: the rows are not kept, only the report. The other arguments are those of `replay`.
    Raises UsageError, DefinitionError, NotCheckableError where no row could be established, SourceError, SinkError.
    """
    from ofs.runtime.rows import RowsOptions
    from topologies.bounded_replay import BoundedRows

    options = RowsOptions(
        workers=_positive("workers", workers),
        batch_size=_positive("batch_size", batch_size),
        max_skew_us=_duration("max_clock_skew", max_clock_skew),
    )
    request = _basis(basis, basis_time, (stream,))
    registry = features if isinstance(features, Registry) else Registry.load(features)
    return BoundedRows(
        log=_events(events, archive, read_rate),
        stream=stream,
        locked=_locked(registry, groups),
        pins=_pins(pins),
        sink=_row_sink(out, sink, create_topics=create_topics),
        options=options,
        engine=engine,
        basis=request,
        progress=progress,
    ).run()


def _pins(given: Mapping[str, Any]) -> CanonicalPins:
    """Raises UsageError that names the member and what it should be."""
    try:
        return CanonicalPins.model_validate({name: pin for name, pin in given.items() if pin is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise UsageError(
            f"pins: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint="manifest_fingerprint, parameter_hash, scenario_id and run_id are required",
        ) from error


def _locked(registry: Registry, groups: Sequence[str]) -> tuple[Locked, ...]:
    """The definitions that are asked for. Raises UsageError where the registry has none."""
    wanted = groups or sorted({f"{locked.name}:latest" for locked in registry})
    found = []
    for text in wanted:
        group = _group(registry, text)
        locked = registry.get(group["name"], group["version"])
        if locked is None:
            raise UsageError(
                f"group {text}: the registry has no such group", hint="see `ofs features show DIR`"
            )
        found.append(locked)
    return tuple(found)


def _row_sink(out: str | Path | None, sink: str | RowSink | None, *, create_topics: bool) -> RowSink:
    if sink is not None and not isinstance(sink, str):
        return sink
    if out is None and sink is None:
        from ofs.sinks.rows_memory import RowsDiscardSink

        return RowsDiscardSink()
    return open_row_sink(None if out is None else str(out), sink, create_topics=create_topics)


@rare_collections()
def snapshot(
    *,
    events: str | EventLog,
    features: str | Path | Registry,
    archive: str | Path | None = None,
    decision: Mapping[str, Any] | bytes | None = None,
    stream: str | None = None,
    keys: Sequence[str] = (),
    groups: Sequence[str] = (),
    pins: Mapping[str, Any] | None = None,
    as_of: str | None = None,
    basis: str = "event_time",
    cut: Mapping[str, int] | None = None,
    at_time: str | None = None,
    max_clock_skew: str = "5m",
    engine: str = "auto",
    state: str | Path | None = None,
) -> dict[str, Any]:
    """One rebuilt snapshot (RebuiltFeatureSnapshot), for a decision or for what is asked.

    Asked: `stream`, `keys` as `type:id`, `groups` as `name:version` or `name:latest`, `pins`, `as_of`, `basis`, and the
    cut: `{"0": next_offset, …}`, or `at_time`, which the log resolves to offsets. `state`: as for `replay`.
    Raises UsageError, NotCheckableError with the reason where the snapshot cannot be established, SourceError.
    """
    registry = features if isinstance(features, Registry) else Registry.load(features)
    log = _events(events, archive, None)
    if decision is None:
        decision = _asked(log, registry, stream, keys, groups, pins, as_of, basis, cut, at_time)
        is_asked = True
    else:
        is_asked = False
    line = decision if isinstance(decision, bytes) else json.dumps(decision).encode()
    sink = MemorySink()
    BoundedReplay(
        log=log,
        decisions=MemoryDecisionSource([line]),
        registry=registry,
        sink=sink,
        options=ReplayOptions(
            max_skew_us=_duration("max_clock_skew", max_clock_skew), checkpoint_at_end=False
        ),
        engine=engine,
        state=None if state is None else Path(state),
        is_audit=True,
    ).run()
    return _rebuilt(sink, is_asked=is_asked)


def _rebuilt(sink: MemorySink, *, is_asked: bool) -> dict[str, Any]:
    if not sink.parity:
        raise UsageError(
            "the decision is not a JSON object with a decision_id", hint="see docs/reference/contracts.md"
        )
    if not sink.snapshots:
        parity = ParityResult.model_validate_json(sink.parity[0][1])
        details = [
            d for d in parity.evidence.reason_details or () if d.reason is not Reason.ONLINE_HASH_MISSING
        ]
        raise NotCheckableError("; ".join(reason_text(detail) for detail in details))
    rebuilt: dict[str, Any] = json.loads(sink.snapshots[0][1])
    if is_asked:
        del rebuilt["provenance"]["decision_id"]
    return rebuilt


def _asked(
    log: EventLog,
    registry: Registry,
    stream: str | None,
    keys: Sequence[str],
    groups: Sequence[str],
    pins: Mapping[str, Any] | None,
    as_of: str | None,
    basis: str,
    cut: Mapping[str, int] | None,
    at_time: str | None,
) -> dict[str, Any]:
    """The question as a decision without a recorded hash."""
    if stream is None or not keys or not groups or pins is None or (cut is None) == (at_time is None):
        raise UsageError(
            "a snapshot needs a stream, keys, groups, pins, and a cut or a time", hint="or give a decision"
        )
    offsets = dict(cut) if cut is not None else _cut_at(log, stream, str(at_time))
    return {
        "decision_id": _ASKED,
        "context_pins": dict(pins),
        "feature_keys": [_pair("key", text, "key_type", "key_id") for text in keys],
        "feature_groups": [_group(registry, text) for text in groups],
        "as_of_spec": {"as_of_basis": basis} | ({} if as_of is None else {"as_of_time_utc": as_of}),
        "basis": [
            {"stream": stream, "partition": _partition(partition), "next_offset": offset}
            for partition, offset in offsets.items()
        ],
    }


def _pair(what: str, text: str, first: str, second: str) -> dict[str, str]:
    left, colon, right = text.partition(":")
    if not (left and colon and right):
        raise UsageError(f"{what} {text!r}: found no `:` between two names", hint="as in account_id:A1")
    return {first: left, second: right}


def _group(registry: Registry, text: str) -> dict[str, str]:
    group = _pair("group", text, "name", "version")
    if group["version"] == "latest":
        latest = registry.latest(group["name"])
        if latest is None:
            raise UsageError(
                f"group {text}: the registry has no such group", hint="see `ofs features show DIR`"
            )
        group["version"] = latest.version
    locked = registry.get(group["name"], group["version"])
    return group if locked is None else {**group, "digest": locked.digest}


def _partition(text: str) -> int:
    if not str(text).isdecimal():
        raise UsageError(f"cut: found partition {text!r}", hint='write {"0": NEXT_OFFSET, "1": NEXT_OFFSET}')
    return int(text)


def _cut_at(log: EventLog, stream: str, time: str) -> dict[str, int]:
    """The offsets that were in the log before a time, by the log's time index."""
    time_us, info = parse_timestamp_us(time), log.describe(stream)
    if time_us is None:
        raise UsageError(f"found {time!r}", hint="a timestamp as 2013-01-01T00:00:00Z")
    if info is None:
        raise UsageError(f"stream {stream}: the log does not know it", hint="check the stream's name")
    found = {part.partition: log.offset_at(stream, part.partition, time_us) for part in info.partitions}
    ends = {part.partition: part.end for part in info.partitions}
    return {str(number): ends[number] if offset is None else offset for number, offset in found.items()}


def _events(events: str | EventLog, archive: str | Path | None, read_rate: int | None) -> EventLog:
    if not isinstance(events, str):
        return events
    rate = None if read_rate is None else _positive("read_rate", read_rate)
    return open_events(events, archive=None if archive is None else str(archive), read_rate=rate)


def _sink(out: str | Path | None, sink: str | OutputSink | None, *, create_topics: bool) -> OutputSink:
    if sink is not None and not isinstance(sink, str):
        return sink
    if out is None and sink is None:
        return DiscardSink()
    return open_sink(None if out is None else str(out), sink, create_topics=create_topics)


def _basis(
    basis: Mapping[str, Mapping[str, list[int]]] | None,
    basis_time: tuple[str, str] | None,
    streams: tuple[str, ...],
) -> BasisRequest | None:
    if basis is not None and basis_time is not None:
        raise UsageError("a basis is given in offsets or in time, not both", hint="leave one out")
    if basis is not None:
        return offset_basis(basis)
    if basis_time is None:
        return None
    if not streams:
        raise UsageError("a basis in time names no stream", hint="say which streams it is for")
    return time_basis(streams, *basis_time)


def _snapshot_output(text: str) -> SnapshotOutput:
    if text not in list(SnapshotOutput):
        raise UsageError(f"snapshots: found {text!r}", hint="one of all, mismatch, none")
    return SnapshotOutput(text)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise UsageError(f"{name}: found {value}", hint="at least 1")
    return value


def _positive_or_none(name: str, value: int | None) -> int | None:
    return None if value is None else _positive(name, value)


def _duration(name: str, text: str) -> int:
    try:
        return parse_duration_us(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
