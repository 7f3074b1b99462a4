"""What a replay says when history is gone, bounds are void, topics changed: time lines with known answers.

The log of most cases, one partition, one event a second from 0 s on (`.`), sliding window of 10 s:

    offset   0....5....10...15...20...25...30
    log time = event time, in seconds after EPOCH
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ofs.errors import SourceError
from ofs.features import Registry, read_definition
from ofs.native import core
from ofs.ports import EventLog
from ofs.runtime.replay import ReplayOptions
from ofs.sinks.memory import MemorySink
from ofs.sources.bounded import BoundedLog
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange, format_timestamp_us
from topologies.bounded_replay import BoundedReplay

SECOND = 1_000_000
EPOCH = 1_700_000_000 * SECOND
PINS = {"manifest_fingerprint": "a" * 64, "parameter_hash": "b" * 64, "scenario_id": "s", "run_id": "c" * 32}
ENGINES = (
    "reference",
    pytest.param("native", marks=pytest.mark.skipif(core is None, reason="no native core")),
)


def _group(window: Any = "10s", **more: Any) -> Registry:
    definition = {
        "feature_group": "g",
        "version": "v1",
        "key": {"type": "k", "field": "payload.k"},
        "event_types": ["e"],
        "features": [{"name": "n", "op": "count", "window": window}],
        **more,
    }
    return Registry.of([read_definition(json.dumps(definition).encode(), "g.yaml")])


def _event(second: float, number: int | str) -> bytes:
    time = format_timestamp_us(EPOCH + int(second * SECOND))
    return json.dumps(
        {**PINS, "event_id": f"e{number}", "event_type": "e", "ts_utc": time, "payload": {"k": "A"}}
    ).encode()


def _log(events: int = 31, **options: Any) -> MemoryLog:
    log = MemoryLog()
    log.create("s", 1, **options)
    for number in range(events):
        log.append("s", 0, Record(_event(number, number), log_ts_us=EPOCH + number * SECOND))
    return log


def _decision(cut: int, second: float, basis: str = "event_time", **more: Any) -> dict[str, Any]:
    return {
        "decision_id": f"d{cut}-{second}",
        "context_pins": PINS,
        "feature_keys": [{"key_type": "k", "key_id": "A"}],
        "feature_groups": [{"name": "g", "version": "v1"}],
        "as_of_spec": {
            "as_of_time_utc": format_timestamp_us(EPOCH + int(second * SECOND)),
            "as_of_basis": basis,
        },
        "basis": [{"stream": "s", "partition": 0, "next_offset": cut}],
        **more,
    }


class _Run:
    """A run's parity and snapshots by decision, its certificate."""

    def __init__(
        self, log: EventLog, registry: Registry, decisions: list[dict[str, Any]], engine: str
    ) -> None:
        sink = MemorySink()
        BoundedReplay(
            log=log,
            decisions=MemoryDecisionSource([json.dumps(d).encode() for d in decisions]),
            registry=registry,
            sink=sink,
            options=ReplayOptions(max_skew_us=2 * SECOND, batch_size=3, end_wait_us=0),
            engine=engine,
        ).run()
        self.parity = [json.loads(text) for _, text in sink.parity]
        answered = [json.loads(text)["features"]["k:A"] for _, text in sink.snapshots]
        self.counts = [groups["g"]["n"] for groups in answered if "g" in groups]
        certificate: Any = sink.certificate
        self.partitions = certificate["partitions"]

    @property
    def reasons(self) -> list[str]:
        return [parity.get("reason", parity["result"]) for parity in self.parity]

    def detail(self, row: int = 0) -> dict[str, Any]:
        details: list[dict[str, Any]] = self.parity[row]["evidence"]["reason_details"]
        return details[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_start_is_bound_in_time_when_windows_are_finite(engine: str) -> None:
    """Reading starts at as-of less window less skew: 25 - 10 - 2 = 13 s."""
    run = _Run(_log(), _group(), [_decision(30, 25)], engine)
    assert run.counts == [10]
    assert (run.partitions[0]["start"], run.partitions[0]["start_from"], run.partitions[0]["end"]) == (
        13,
        "bound",
        30,
    )
    assert run.partitions[0]["records"] == 17


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("window", "more"), [("lifetime", {}), ("10s", {"late": {"policy": "drop", "allowed_lateness": "5s"}})]
)
def test_start_is_the_origin_when_history_counts(engine: str, window: str, more: dict[str, Any]) -> None:
    """A lifetime window and a lateness policy need every offset."""
    run = _Run(_log(), _group(window, **more), [_decision(30, 25)], engine)
    assert run.counts == [25 if window == "lifetime" else 10]
    assert (run.partitions[0]["start"], run.partitions[0]["start_from"]) == (0, "origin")


@pytest.mark.parametrize("engine", ENGINES)
def test_truncated_history_is_answered_where_windows_prove_it_old(engine: str) -> None:
    """Below offset 12 all is gone: as-of 25 s reaches 13 s and is answered, as-of 23 s reaches 11 s and is not."""
    log = _log()
    log.delete_records("s", 0, 12)
    run = _Run(log, _group(), [_decision(30, 25), _decision(30, 23)], engine)
    assert run.reasons == ["ONLINE_HASH_MISSING", "HISTORY_TRUNCATED"]
    assert run.counts == [10]
    assert run.detail(1)["missing"] == [{"stream": "s", "partition": 0, "start": 0, "end": 12}]


@pytest.mark.parametrize("engine", ENGINES)
def test_lateness_is_unproven_where_only_the_policy_needs_history(engine: str) -> None:
    """History would do but for a drop group."""
    log = _log()
    log.delete_records("s", 0, 12)
    registry = _group(late={"policy": "drop", "allowed_lateness": "5s"})
    run = _Run(log, registry, [_decision(30, 25), _decision(30, 23)], engine)
    assert run.reasons == ["LATENESS_UNPROVEN", "HISTORY_TRUNCATED"]


@pytest.mark.parametrize("engine", ENGINES)
def test_void_bound_is_answered_from_the_origin(engine: str) -> None:
    """Offset 31 was logged at 31 s for 40 s, beyond the skew: cuts above it are folded anew from offset 0.

    Offset 1 was logged at 1 s but happened at 20 s: the bound, had it held, would have left it out.
    """
    log = MemoryLog()
    log.create("s", 1)
    for number in range(31):
        happened = 20 if number == 1 else number
        log.append("s", 0, Record(_event(happened, number), log_ts_us=EPOCH + number * SECOND))
    log.append("s", 0, Record(_event(40, 31), log_ts_us=EPOCH + 31 * SECOND))
    run = _Run(log, _group(), [_decision(30, 25), _decision(32, 25), _decision(31, 25)], engine)
    assert run.counts == [10, 11, 10]
    assert (run.partitions[0]["start"], run.partitions[0]["start_from"]) == (0, "origin")
    assert run.partitions[0]["skew_violation"] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_void_bound_without_the_origin_is_history_truncated(engine: str) -> None:
    """The same, with the beginning gone: cuts above the voiding offset are lost, with that offset as evidence."""
    log = _log()
    log.append("s", 0, Record(_event(40, 31), log_ts_us=EPOCH + 31 * SECOND))
    log.delete_records("s", 0, 5)
    run = _Run(log, _group(), [_decision(31, 25), _decision(32, 25)], engine)
    assert run.reasons == ["ONLINE_HASH_MISSING", "HISTORY_TRUNCATED"]
    assert run.counts == [10]
    assert "offset 31" in run.detail(1)["detail"]


@pytest.mark.parametrize("engine", ENGINES)
def test_watermark_as_of_is_derived_or_must_agree(engine: str) -> None:
    """The as-of is the largest event time inside the cut; a time that the decision gives must be that one."""
    derived = _decision(20, 0, "watermark")
    del derived["as_of_spec"]["as_of_time_utc"]
    run = _Run(
        _log(),
        _group(),
        [
            derived,
            _decision(20, 19, "watermark"),
            _decision(20, 18, "watermark"),
            _decision(0, 1, "watermark"),
        ],
        engine,
    )
    assert run.reasons == ["ONLINE_HASH_MISSING", "ONLINE_HASH_MISSING", "AS_OF_INVALID", "AS_OF_INVALID"]
    assert run.counts == [10, 10]
    assert run.parity[0]["as_of_spec"]["as_of_time_utc"] == format_timestamp_us(EPOCH + 19 * SECOND)


@pytest.mark.parametrize("engine", ENGINES)
def test_ingest_time_needs_the_brokers_timestamps(engine: str) -> None:
    """Visible is what was logged before as-of; producers' timestamps cannot say."""
    assert _Run(_log(), _group(), [_decision(30, 25, "ingest_time")], engine).counts == [10]
    run = _Run(_log(log_append=False), _group(), [_decision(30, 25, "ingest_time")], engine)
    assert run.reasons == ["AS_OF_INVALID"]


@pytest.mark.parametrize("engine", ENGINES)
def test_cut_beyond_the_end_and_unknown_places(engine: str) -> None:
    """Offsets that the log does not have, streams and partitions that it does not know."""
    unknown = _decision(3, 25, basis="event_time") | {
        "decision_id": "u",
        "basis": [{"stream": "other", "partition": 0, "next_offset": 3}],
    }
    extra = _decision(3, 25) | {
        "decision_id": "p",
        "basis": [{"stream": "s", "partition": n, "next_offset": 3} for n in (0, 1)],
    }
    run = _Run(_log(), _group(), [_decision(32, 25), unknown, extra], engine)
    assert run.reasons == ["BASIS_BEYOND_LOG_END"] * 3
    assert run.detail(0)["missing"] == [{"stream": "s", "partition": 0, "start": 31, "end": 32}]
    assert run.detail(1)["missing"] == [{"stream": "other", "partition": 0, "start": 0, "end": 3}]


@pytest.mark.parametrize("engine", ENGINES)
def test_unnamed_partition_counts_when_it_had_records(engine: str) -> None:
    """A cut must name every partition whose first record was logged before the decision."""
    log = _log()
    log.append("s", 1, Record(_event(24, "late"), log_ts_us=EPOCH + 24 * SECOND))
    decided = {"decided_at_utc": format_timestamp_us(EPOCH + 24 * SECOND)}
    run = _Run(log, _group(), [_decision(30, 25), _decision(30, 24), _decision(29, 25, **decided)], engine)
    assert run.reasons == ["BASIS_INCOMPLETE", "ONLINE_HASH_MISSING", "ONLINE_HASH_MISSING"]
    assert run.detail()["names"] == ["s:1"]


@pytest.mark.parametrize("engine", ENGINES)
def test_recreated_topic_is_told_by_its_id(engine: str) -> None:
    """A recorded topic id that is not the log's: the offsets mean something else now."""
    decision = _decision(30, 25)
    decision["basis"][0]["topic_id"] = "old"
    run = _Run(_log(topic_id="new"), _group(), [decision], engine)
    assert run.reasons == ["TOPIC_RECREATED"]
    assert run.detail()["names"] == ["old"]


@pytest.mark.parametrize("engine", ENGINES)
def test_basis_hides_what_lies_before_it(engine: str) -> None:
    """A replay basis that begins at offset 12 is as truncated history; its end is the log's end."""
    log = BoundedLog(_log(), {"s": {0: OffsetRange(12, 28)}})
    run = _Run(log, _group(), [_decision(28, 25), _decision(28, 23), _decision(29, 25)], engine)
    assert run.reasons == ["ONLINE_HASH_MISSING", "HISTORY_TRUNCATED", "BASIS_BEYOND_LOG_END"]


def _gapped(lost: OffsetRange, first_after: int | None = None) -> MemoryLog:
    """The log of 31 seconds whose archive lacks a range; `first_after`: the first offset behind it with a record."""

    class Gapped(MemoryLog):
        def describe(self, stream: str) -> Any:
            info = super().describe(stream)
            if info is None:
                return None
            part = info.partitions[0]
            ranges = (OffsetRange(0, lost.start), OffsetRange(lost.end, part.end))
            return replace(info, partitions=(replace(part, ranges=ranges),))

        def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Any:
            if span.intersection(lost) is not None:
                raise SourceError(f"{span} touches the gap {lost}")
            return super().read(stream, partition, span, max_records)

    log = Gapped()
    log.create("s", 1)
    for number in range(31):
        if not lost.start <= number < max(lost.end, first_after or 0):
            log.append(
                "s", 0, Record(_event(number, number), log_ts_us=EPOCH + number * SECOND, offset=number)
            )
    return log


@pytest.mark.parametrize("engine", ENGINES)
def test_gap_is_skipped_where_no_answer_needs_it(engine: str) -> None:
    """Offsets 5 to 7 are lost: a cut before them and windows after them are answered in one run, the gap unread."""
    decisions = [_decision(4, 4), _decision(30, 25), _decision(30, 19), _decision(6, 6)]
    run = _Run(_gapped(OffsetRange(5, 8)), _group(), decisions, engine)
    assert run.reasons == ["ONLINE_HASH_MISSING", "ONLINE_HASH_MISSING", "ARCHIVE_GAP", "ARCHIVE_GAP"]
    assert run.counts == [4, 10]
    assert run.partitions[0]["unread"] == [[5, 8]]
    assert run.detail(2)["missing"] == [{"stream": "s", "partition": 0, "start": 5, "end": 8}]
    assert run.detail(3)["missing"] == [{"stream": "s", "partition": 0, "start": 5, "end": 6}]


@pytest.mark.parametrize("engine", ENGINES)
def test_gap_is_proven_by_the_first_record_behind_it(engine: str) -> None:
    """Offset 20 delivers nothing, the first record behind the gap is 21: as-of less window less skew must pass it."""
    log = _gapped(OffsetRange(10, 20), first_after=21)
    run = _Run(log, _group("2s"), [_decision(12, 11), _decision(25, 24.5), _decision(27, 26)], engine)
    assert run.reasons == ["ARCHIVE_GAP", "ARCHIVE_GAP", "ONLINE_HASH_MISSING"]
    assert run.counts == [2]


@pytest.mark.parametrize("engine", ENGINES)
def test_empty_cut_of_another_decision_does_not_hide_a_void_bound(engine: str) -> None:
    """A lifetime decision that takes nothing of the partition leaves the bounds of the others as they are."""
    log = _log()
    log.append("s", 0, Record(_event(40, 31), log_ts_us=EPOCH + 31 * SECOND))
    log.delete_records("s", 0, 5)
    groups = [*_group(), *_group("lifetime", feature_group="h")]
    empty = _decision(0, 25) | {"feature_groups": [{"name": "h", "version": "v1"}]}
    registry = Registry(groups)
    assert _Run(log, registry, [_decision(32, 25)], engine).reasons == ["HISTORY_TRUNCATED"]
    assert _Run(log, registry, [empty, _decision(32, 25)], engine).reasons[1] == "HISTORY_TRUNCATED"


@pytest.mark.parametrize("engine", ENGINES)
def test_one_odd_decision_never_stops_the_batch(engine: str) -> None:
    """Odd but possible members give UNCHECKABLE or MISMATCH, and the decision behind them is still answered."""
    twice = [{"name": "g", "version": "v1"}, {"name": "g", "version": "v1", "digest": "a" * 64}]
    odd = [
        _decision(30, 25, feature_groups=twice, decision_id="twice"),
        _decision(30, 25, decision_id=""),
        _decision(2**60, 25),
        _decision(29, 25, online_features={"k:A": {"g": {"n": 1e20}}}, online_snapshot_hash="0" * 64),
        _decision(30, 25),
    ]
    run = _Run(_log(), _group(), odd, engine)
    results = [(parity["result"], parity.get("reason")) for parity in run.parity]
    assert results == [
        ("UNCHECKABLE", "DECISION_INVALID"),
        ("UNCHECKABLE", "DECISION_INVALID"),
        ("UNCHECKABLE", "BASIS_BEYOND_LOG_END"),
        ("MISMATCH", None),
        ("UNCHECKABLE", "ONLINE_HASH_MISSING"),
    ]
    assert run.parity[2]["evidence"]["basis"][0]["next_offset"] == str(2**60)
    assert run.parity[3]["evidence"]["mismatch_fields"] == [
        {"path": "/features/k:A/g/n", "online": 1e20, "offline": 10}
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_event_of_the_far_future_is_counted_as_skew(engine: str) -> None:
    """An event of the year 9999 is admitted; its skew is beyond 2^53-1 and stands as a string."""
    log = _log()
    value = _event(0, "far").replace(b"2023-11-14T22:13:20.000000Z", b"9999-12-31T23:59:59.999999Z")
    log.append("s", 0, Record(value, log_ts_us=EPOCH + 31 * SECOND))
    run = _Run(log, _group("lifetime"), [_decision(32, 25)], engine)
    assert run.counts == [25]
    assert run.partitions[0]["skew_us_max"] == str(253402300799999999 - EPOCH - 31 * SECOND)
