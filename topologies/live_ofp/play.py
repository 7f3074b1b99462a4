"""A log played through the live plane: its own interleaving of the partitions, a decision at each event asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from ofs.contracts import AsOfBasis
from ofs.errors import TopicMissingError
from ofs.ports import EventLog
from ofs.units import OffsetRange, format_timestamp_us
from topologies.live_ofp.admission import Event
from topologies.live_ofp.plane import LiveOfp, Question
from topologies.live_ofp.snapshot import Pins, decision_record

__all__ = ["LogRecord", "interleaved", "play"]

_READ_RECORDS: Final = 500


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of a log."""

    stream: str
    partition: int
    offset: int
    log_ts_us: int
    value: bytes | None


def interleaved(
    log: EventLog, spans: Mapping[tuple[str, int], OffsetRange], *, seed: int
) -> Iterator[LogRecord]:
    """The records of several partitions: each in offset order, the partitions mixed as the seed says."""
    chance = random.Random(seed)  # noqa: S311 (an order to replay, nothing secret)
    open_records = {place: _records(log, *place, span) for place, span in sorted(spans.items())}
    while open_records:
        places = list(open_records)
        place = places[int(chance.random() * len(places))]
        record = next(open_records[place], None)
        if record is None:
            del open_records[place]
        else:
            yield record


def _records(log: EventLog, stream: str, partition: int, span: OffsetRange) -> Iterator[LogRecord]:
    for batch in log.read(stream, partition, span, _READ_RECORDS):
        for offset, log_ts_us, value in zip(batch.offsets, batch.log_ts_us, batch.values, strict=True):
            yield LogRecord(stream, partition, offset, log_ts_us, value)


def play(
    log: EventLog,
    ofp: LiveOfp,
    streams: tuple[str, ...],
    *,
    pins: Pins,
    groups: tuple[tuple[str, str], ...],
    seed: int,
    every: int,
) -> Iterator[bytes]:
    """Apply all that the log holds now; after every n-th event, decide for its keys as-of its event time.

    `groups`: names and versions that each decision asks for.
    Yields DecisionRecords as JSON lines; the cut is what was applied by then.
    Raises TopicMissingError where the log does not know a stream.
    """
    spans: dict[tuple[str, int], OffsetRange] = {}
    for stream in streams:
        info = log.describe(stream)
        if info is None:
            raise TopicMissingError(f"the log has no stream {stream}", hint="check its name")
        spans.update({(stream, p.partition): OffsetRange(p.low, p.end) for p in info.partitions})
    events = 0
    for record in interleaved(log, spans, seed=seed):
        event = ofp.apply(record.stream, record.partition, record.offset, record.log_ts_us, record.value)
        if event is None:
            continue
        events += 1
        keys = _keys_of(ofp, event, groups)
        if events % every or not keys:
            continue
        snapshot = ofp.serve(Question(pins, keys, groups, event.event_time_us, AsOfBasis.EVENT_TIME))
        yield orjson.dumps(
            decision_record(
                snapshot,
                decision_id=f"{record.stream}-{record.partition}-{record.offset}",
                pins=pins,
                decided_at_utc=format_timestamp_us(record.log_ts_us),
                with_features=True,
            )
        )


def _keys_of(ofp: LiveOfp, event: Event, groups: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The event's keys over the groups, each once, sorted."""
    keys = set()
    for plan in (ofp.plans[name] for name in groups):
        taken = plan.intake.take(event)
        if not isinstance(taken, str):
            keys.add((plan.group.key.type, taken[0]))
    return sorted(keys)
