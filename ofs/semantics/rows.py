"""Rows: for every event of a stream the features of its own keys, as they were known just before it arrived.

The order of arrival is a merge of the partitions by their head records: the partition whose next record has the
smallest (log timestamp, partition) goes next. It depends on the log alone. Log timestamps need not ascend inside a
partition: a record never overtakes those at smaller offsets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Final

from ofs.semantics.admission import Event, admit
from ofs.semantics.history import PartitionHistory
from ofs.semantics.snapshot import Group, Question, identity
from ofs.semantics.values import KeyInvalidError, key_text, member

AS_OF_BASIS: Final = "event_time"
_UNHASHED: Final = "none"


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record of one partition."""

    offset: int
    log_ts_us: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group's part of a row: the event's key in the group and its features; both None where it has no key."""

    key_id: str | None
    features: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """What was known of an event's keys just before it. `groups`: by name."""

    partition: int
    offset: int
    event_id: str
    event_type: str
    as_of_us: int
    groups: Mapping[str, GroupRow]


@dataclass(frozen=True, slots=True)
class RowScope:
    """What rows are made of: a stream, canonical pins, groups in name order.

    `starts`: each partition's first offset. `known_after_us`: features are known as of later times only, as what was
    before the starts is gone; None: nothing is gone. `max_skew_us`: what that rests on.
    """

    stream: str
    pins: bytes
    groups: Sequence[Group]
    starts: Mapping[int, int]
    max_skew_us: int
    known_after_us: int | None = None


def arrival_order(log_ts_us: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, int]]:
    """(partition, index of its record) in the order of arrival, of each partition's log timestamps in offset order.

    >>> list(arrival_order({0: [5, 1], 1: [3, 7]}))
    [(1, 0), (0, 0), (0, 1), (1, 1)]
    """
    rest = {partition: enumerate(times) for partition, times in log_ts_us.items()}
    heads: list[tuple[int, int, int]] = []
    for partition, following in rest.items():
        _push_next(heads, partition, following)
    while heads:
        _, partition, index = heappop(heads)
        yield partition, index
        _push_next(heads, partition, rest[partition])


def event_rows(scope: RowScope, records: Mapping[int, Sequence[LoggedRecord]]) -> list[EventRow | None]:
    """A row for each first copy of an admitted event of the pins, in the order of arrival; None: not established.

    `records`: those of each partition in offset order.
    """
    histories = open_histories(scope)
    rows: list[EventRow | None] = []
    times = {partition: [record.log_ts_us for record in some] for partition, some in records.items()}
    for partition, index in arrival_order(times):
        record = records[partition][index]
        cut = {place: history.frontier for place, history in histories.items()}
        event = first_copy(scope, histories[partition], record)
        if event is not None:
            row = row_of(scope, histories, partition, record.offset, event, cut)
            rows.append(row if is_established(scope, histories, event.event_time_us, cut) else None)
    return rows


def open_histories(scope: RowScope) -> dict[int, PartitionHistory]:
    """The empty history of each partition."""
    return {
        partition: PartitionHistory(
            [group.definition for group in scope.groups],
            [scope.pins],
            stream=scope.stream,
            partition=partition,
            start=start,
            max_skew_us=scope.max_skew_us,
        )
        for partition, start in sorted(scope.starts.items())
    }


def first_copy(scope: RowScope, history: PartitionHistory, record: LoggedRecord) -> Event | None:
    """Fold the next record; the event that it holds, if it is a first copy of the pins."""
    duplicates = history.duplicates.count
    history.apply(record.offset, record.log_ts_us, record.value)
    event = admit(record.value)
    if not isinstance(event, Event) or event.pins != scope.pins:
        return None
    return event if history.duplicates.count == duplicates else None


def row_of(
    scope: RowScope,
    histories: Mapping[int, PartitionHistory],
    partition: int,
    offset: int,
    event: Event,
    cut: Mapping[int, int],
) -> EventRow:
    """The row of an event: in each group what a snapshot of the event's key at the cut, as of its time, holds."""
    groups: dict[str, GroupRow] = {}
    for group in scope.groups:
        key_type, name = group.definition["key"]["type"], group.definition["feature_group"]
        key_id = _key_id(event, group)
        if key_id is None:
            groups[name] = GroupRow(None, None)
            continue
        question = Question(
            pins=scope.pins,
            pins_object={},
            keys=[(key_type, key_id)],
            groups=[group],
            as_of_us=event.event_time_us,
            as_of_basis=AS_OF_BASIS,
            cut={(scope.stream, place): offset for place, offset in cut.items()},
            hash_rule=_UNHASHED,
        )
        snapshot = identity(question, list(histories.values()))
        groups[name] = GroupRow(key_id, snapshot["features"][f"{key_type}:{key_id}"][name])
    return EventRow(partition, offset, event.event_id, event.event_type, event.event_time_us, groups)


def is_established(
    scope: RowScope, histories: Mapping[int, PartitionHistory], as_of_us: int, cut: Mapping[int, int]
) -> bool:
    """Whether what is gone before the starts cannot matter: the windows end before it, and no record inside the cut
    was logged so much earlier than it happened that this is in doubt.
    """
    if scope.known_after_us is None:
        return True
    return as_of_us > scope.known_after_us and not any(
        history.start > 0 and history.skew_violation is not None and history.skew_violation < cut[partition]
        for partition, history in histories.items()
    )


def _push_next(heads: list[tuple[int, int, int]], partition: int, rest: Iterator[tuple[int, int]]) -> None:
    for index, time_us in rest:
        heappush(heads, (time_us, partition, index))
        return


def _key_id(event: Event, group: Group) -> str | None:
    """The event's key in the group, whatever its type and the group's conditions."""
    try:
        return key_text(member(event.payload, group.definition["key"]["field"]))
    except KeyInvalidError:
        return None
