"""Rows: the order of arrival, the cut just before an event, and what is left out."""

from __future__ import annotations

from typing import Any

from ofs.semantics import Group
from ofs.semantics.rows import EventRow, LoggedRecord, RowScope, arrival_order, event_rows
from tests.unit.semantics.logs import OTHER_PINS, SCOPE, definition, event

COUNT = definition("name: n, op: count, window: 100us")
LAST = definition("name: last, op: last, field: payload.a, type: int, window: 100us", name="h")
"""Of another type of events, with a condition."""
OTHER = definition(
    "name: n, op: count, window: 100us",
    rest="where: [{field: payload.ok, eq: true}]\n",
    name="o",
)


def scope(*definitions: dict[str, Any], partitions: int = 1, **changed: Any) -> RowScope:
    """Groups over the stream `events` from its beginning."""
    groups = [Group(index, given, "0" * 64) for index, given in enumerate(definitions or (COUNT,))]
    given: dict[str, Any] = {"starts": dict.fromkeys(range(partitions), 0), "max_skew_us": 1_000, **changed}
    return RowScope("events", SCOPE, groups, **given)


def record(offset: int, log_ts_us: int, event_id: str, time_us: int, **members: Any) -> LoggedRecord:
    """A record of the key K."""
    return LoggedRecord(offset, log_ts_us, event(event_id, time_us, **members))


def features(rows: list[EventRow | None], group: str = "g") -> list[tuple[str, Any]]:
    """Each row's event and features of a group."""
    return [(row.event_id, row.groups[group].features) for row in rows if row is not None]


def test_the_partition_whose_head_was_logged_first_goes_next() -> None:
    """Heads are compared by log timestamp, then partition; inside a partition offsets decide."""
    assert list(arrival_order({0: [5, 1, 9], 1: [5, 6], 2: []})) == [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)]


def test_a_row_holds_what_arrived_before_its_event() -> None:
    """Records of every partition that arrived before count, the event itself and later ones do not."""
    rows = event_rows(
        scope(partitions=2),
        {
            0: [record(0, 10, "a", 10), record(1, 30, "c", 30)],
            1: [record(0, 20, "b", 20), record(4, 40, "d", 40)],
        },
    )
    assert features(rows) == [("a", {"n": 0}), ("b", {"n": 1}), ("c", {"n": 2}), ("d", {"n": 3})]


def test_a_row_is_as_of_the_events_own_time() -> None:
    """An event that happened later than this one but arrived before does not count: windows end at as-of."""
    rows = event_rows(scope(), {0: [record(0, 10, "late", 50), record(1, 20, "own", 40)]})
    assert features(rows) == [("late", {"n": 0}), ("own", {"n": 0})]


def test_each_first_copy_of_an_event_of_the_pins_has_a_row() -> None:
    """Later copies, events of other pins and what is rejected have none, and still take part in the order."""
    rows = event_rows(
        scope(),
        {
            0: [
                record(0, 1, "a", 10),
                record(1, 2, "a", 10),
                record(2, 3, "b", 20, **OTHER_PINS),
                LoggedRecord(3, 4, b"{"),
                LoggedRecord(4, 5, None),
                record(7, 6, "c", 30),
            ]
        },
    )
    assert [(row.offset, row.event_id) for row in rows if row is not None] == [(0, "a"), (7, "c")]
    assert features(rows) == [("a", {"n": 0}), ("c", {"n": 1})]


def test_the_key_is_read_whatever_type_and_condition_the_event_has() -> None:
    """An event that a group does not count has the features of its key all the same."""
    values = [event("a", 10, '{"k":"K","ok":true}'), event("b", 20, '{"k":"K"}', event_type="u")]
    rows = event_rows(
        scope(OTHER), {0: [LoggedRecord(offset, offset, value) for offset, value in enumerate(values)]}
    )
    assert features(rows, "o") == [("a", {"n": 0}), ("b", {"n": 1})]


def test_a_group_without_a_key_of_the_event_is_null() -> None:
    """A missing, null or ill-typed key gives neither key nor features; other groups are not concerned."""
    payloads = ['{"k":"K","a":7}', "{}", '{"k":null}', '{"k":true}', '{"k":""}', '{"k":12}']
    values = [event(f"e{number}", 10 + number, payload) for number, payload in enumerate(payloads)]
    rows = event_rows(
        scope(LAST), {0: [LoggedRecord(offset, offset, value) for offset, value in enumerate(values)]}
    )
    found = [row.groups["h"] for row in rows if row is not None]
    assert [group.key_id for group in found] == ["K", None, None, None, None, "12"]
    assert [group.features for group in found] == [{"last": None}, None, None, None, None, {"last": None}]


def test_rows_that_rest_on_what_is_gone_are_not_established() -> None:
    """Up to `known_after_us` a window may reach what was before the starts."""
    bounded = scope(starts={0: 5}, known_after_us=20)
    rows = event_rows(bounded, {0: [record(5, 10, "a", 20), record(6, 11, "b", 21)]})
    assert [row and row.event_id for row in rows] == [None, "b"]


def test_rows_behind_a_record_beyond_the_skew_are_not_established() -> None:
    """A record logged too early for its time leaves in doubt what was before; its own row does not rest on it."""
    logged = [record(5, 10, "a", 15), record(6, 11, "far", 30), record(7, 12, "b", 16)]
    rows = event_rows(scope(starts={0: 5}, known_after_us=0, max_skew_us=10), {0: logged})
    assert [row and row.event_id for row in rows] == ["a", "far", None]
    whole = event_rows(scope(starts={0: 5}, max_skew_us=10), {0: logged})
    assert [row and row.event_id for row in whole] == ["a", "far", "b"]
