"""A snapshot is a function of a set: the cut, the as-of and its basis decide what is visible, and nothing else does."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ofs.canonical import DEFAULT_HASH_RULE, jcs
from ofs.semantics import Group, PartitionHistory, Question, identity, watermark_us
from tests.golden.admission_cases import PINS
from tests.unit.semantics.logs import COUNT, SCOPE, definition, event, history

LIST = definition("name: l, op: last_k, k: 9, field: payload.v, type: int, window: lifetime")


def ask(
    histories: list[PartitionHistory],
    cut: dict[tuple[str, int], int],
    *,
    as_of_us: int = 1_000_000,
    basis: str = "event_time",
    definitions: tuple[dict[str, Any], ...] = (LIST,),
    keys: tuple[tuple[str, str], ...] = (("account_id", "K"),),
) -> dict[str, Any]:
    """The identity part for the key K of the first definition's key type."""
    groups = [Group(index, found, "d" * 64) for index, found in enumerate(definitions)]
    return identity(
        Question(SCOPE, PINS, keys, groups, as_of_us, basis, cut, DEFAULT_HASH_RULE),
        histories,
    )


def values(*rows: tuple[int, int, int], partition: int = 0) -> PartitionHistory:
    """(offset, event time, v) events of key K."""
    records = [(offset, event(f"e{offset}", time, f'{{"k":"K","v":{v}}}')) for offset, time, v in rows]
    return history([LIST], records, partition=partition)


def listed(part: dict[str, Any]) -> list[int]:
    """The list of group g."""
    found: list[int] = part["features"]["account_id:K"]["g"]["l"]
    return found


def test_the_cut_hides_offsets_from_it_on() -> None:
    """A cut names the next offset, so that offset is not inside."""
    folded = values((0, 1, 0), (1, 2, 1), (2, 3, 2))
    assert [listed(ask([folded], {("events", 0): cut})) for cut in range(4)] == [[], [0], [0, 1], [0, 1, 2]]


def test_cuts_that_cannot_be_compared_are_answered_from_one_fold() -> None:
    """Each partition by its own offset, also behind the frontier."""
    zero, one = values((0, 1, 10), (1, 4, 11)), values((0, 2, 20), (1, 3, 21), partition=1)
    assert listed(ask([zero, one], {("events", 0): 2, ("events", 1): 1})) == [10, 20, 11]
    assert listed(ask([zero, one], {("events", 0): 1, ("events", 1): 2})) == [10, 20, 21]


def test_a_partition_that_the_cut_does_not_name_is_not_visible() -> None:
    """Added partitions count only where they are named."""
    zero, one = values((0, 1, 10)), values((0, 2, 20), partition=1)
    assert listed(ask([zero, one], {("events", 0): 1})) == [10]


def test_the_order_of_partitions_does_not_matter() -> None:
    """All orders of the histories give the same bytes, with ties in event time."""
    parts = [values((0, 5, number), (1, 5, number + 10), partition=number) for number in range(3)]
    cut = {("events", number): 2 for number in range(3)}
    found = {jcs(ask(list(order), cut)) for order in itertools.permutations(parts)}
    assert len(found) == 1
    assert listed(ask(parts, cut)) == [0, 10, 1, 11, 2, 12]


def test_an_event_at_as_of_does_not_see_itself() -> None:
    """Windows end before as-of."""
    folded = values((0, 99, 1), (1, 100, 2), (2, 101, 3))
    assert listed(ask([folded], {("events", 0): 3}, as_of_us=100)) == [1]


def test_ingest_time_also_hides_what_was_logged_at_or_after_as_of() -> None:
    """The log timestamp counts, not monotone; the window still ends on event time."""
    folded = values((0, 5, 0), (1, 5, 1), (2, 1_001, 2))
    cut = {("events", 0): 3}
    found = {
        as_of: listed(ask([folded], cut, as_of_us=as_of, basis="ingest_time"))
        for as_of in (1_000, 1_001, 1_002, 1_003)
    }
    assert found == {1_000: [], 1_001: [0], 1_002: [0, 1], 1_003: [0, 1, 2]}
    assert listed(ask([folded], cut, as_of_us=1_001)) == [0, 1]


def test_the_watermark_is_the_smallest_of_the_largest_times() -> None:
    """Over partitions inside the cut; those without an event are left out; none at all is None."""
    parts = [values((0, 50, 0), (1, 70, 0)), values((0, 60, 0), partition=1), values(partition=2)]
    cut = {("events", number): offset for number, offset in enumerate((2, 1, 9))}
    assert watermark_us(SCOPE, cut, parts) == 60
    assert watermark_us(SCOPE, {**cut, ("events", 0): 1}, parts) == 50
    assert watermark_us(SCOPE, {("events", 0): 2}, parts) == 70
    assert watermark_us(SCOPE, dict.fromkeys(cut, 0), parts) is None
    assert watermark_us(b"{}", cut, parts) is None


def test_under_a_key_stand_the_groups_of_its_type() -> None:
    """All of them, also where nothing was seen; a key whose type no group has stands empty."""
    other = definition("name: n, op: count, window: 1h", name="h")
    other = {**other, "key": {"type": "device_id", "field": "payload.k"}}
    keys = (("account_id", "never"), ("device_id", "K"), ("card_id", "K"))
    part = ask([history([COUNT, other], [])], {("events", 0): 0}, definitions=(COUNT, other), keys=keys)
    assert part["features"] == {
        "account_id:never": {"g": {"n": 0}},
        "device_id:K": {"h": {"n": 0}},
        "card_id:K": {},
    }
    assert part["freshness"]["card_id:K"] == {}
    assert part["freshness"]["account_id:never"]["g"] == {
        "last_event_time_utc": None,
        "age_us": None,
        "state": "NO_DATA",
    }


def test_basis_and_groups_are_sorted() -> None:
    """By stream and partition, and by name, whatever the order of the question."""
    cut = {("b", 1): 4, ("a", 10): 1, ("b", 0): 3, ("a", 9): 2}
    second = definition("name: n, op: count, window: 1h", name="a_group")
    part = ask([], cut, definitions=(COUNT, second), keys=())
    assert [(e["stream"], e["partition"], e["next_offset"]) for e in part["basis"]] == [
        ("a", 9, 2),
        ("a", 10, 1),
        ("b", 0, 3),
        ("b", 1, 4),
    ]
    assert [group["name"] for group in part["feature_groups"]] == ["a_group", "g"]


FRESHNESS = [
    ("name: n, op: count, window: 10us", 100, [89], None),
    ("name: n, op: count, window: 10us", 100, [90], 90),
    ("name: n, op: count, window: 10us", 100, [90, 95, 100], 95),
    ("name: n, op: count, window: 10us\nname: m, op: count, window: 20us", 100, [80], 80),
    ("name: n, op: count, window: {tumbling: 30us}", 100, [89], None),
    ("name: n, op: count, window: {tumbling: 30us}", 100, [90], 90),
    ("name: n, op: count, window: {tumbling: 30us}", 90, [89, 90], None),
    ("name: n, op: count, window: {tumbling: 30us, back: 1}", 100, [59], None),
    ("name: n, op: count, window: {tumbling: 30us, back: 1}", 100, [60, 95], 95),
    ("name: n, op: count, window: {hopping: 30us, every: 20us}", 90, [49], None),
    ("name: n, op: count, window: {hopping: 30us, every: 20us}", 90, [50, 85], 85),
    ("name: n, op: count, window: {session: 5us}", 100, [-1_000], -1_000),
    ("name: n, op: count, window: {session: 5us, max: 50us}", 100, [49], None),
    ("name: n, op: count, window: {session: 5us, max: 50us}", 100, [50], 50),
    ("name: n, op: count, window: lifetime\nname: m, op: count, window: 1us", 100, [-1_000], -1_000),
]


@pytest.mark.parametrize(("features", "as_of_us", "times", "last"), FRESHNESS)
def test_freshness_reaches_from_the_earliest_window_to_as_of(
    features: str, as_of_us: int, times: list[int], last: int | None
) -> None:
    """The last event at or after the earliest start of any window and before as-of, whatever window it is in."""
    found = definition(features)
    folded = history([found], [(offset, event(f"e{offset}", time)) for offset, time in enumerate(times)])
    part = ask([folded], {("events", 0): len(times)}, as_of_us=as_of_us, definitions=(found,))
    assert part["freshness"]["account_id:K"]["g"]["age_us"] == (None if last is None else as_of_us - last)


@pytest.mark.parametrize(("age_us", "state"), [(1, "FRESH"), (5, "FRESH"), (6, "STALE"), (11, "NO_DATA")])
def test_an_age_above_the_allowance_is_stale(age_us: int, state: str) -> None:
    """Exactly the allowance is fresh; outside the windows there is no data."""
    found = definition("name: n, op: count, window: 10us", "stale_after: 5us\n")
    folded = history([found], [(0, event("e", 100 - age_us))])
    part = ask([folded], {("events", 0): 1}, as_of_us=100, definitions=(found,))
    assert part["freshness"]["account_id:K"]["g"]["state"] == state


def test_without_an_allowance_nothing_is_stale() -> None:
    """However old an event in a lifetime window is."""
    folded = history([COUNT], [(0, event("e", -62_135_596_800_000_000))])
    part = ask([folded], {("events", 0): 1}, as_of_us=253_402_300_799_999_999, definitions=(COUNT,))
    assert part["freshness"]["account_id:K"]["g"] == {
        "last_event_time_utc": "0001-01-01T00:00:00.000000Z",
        "age_us": "315537897599999999",
        "state": "FRESH",
    }


def test_events_without_a_value_keep_a_key_fresh() -> None:
    """Usable is enough; what is filtered, late or unusable is not seen."""
    found = definition(
        "name: s, op: sum, field: payload.v, type: int, window: 1h",
        "where: [{field: payload.ok, ne: false}]\n",
    )
    records = [
        (0, event("a", 10, '{"k":"K","ok":true}')),
        (1, event("b", 20, '{"k":"K","ok":false}')),
        (2, event("c", 30, '{"k":"K","ok":true,"v":"x"}')),
    ]
    part = ask([history([found], records)], {("events", 0): 3}, as_of_us=100, definitions=(found,))
    assert part["freshness"]["account_id:K"]["g"]["age_us"] == 90
    assert part["features"]["account_id:K"]["g"] == {"s": 0}
