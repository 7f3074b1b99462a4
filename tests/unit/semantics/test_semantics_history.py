"""From record to contribution: duplicates, classification, lateness, and every count of the certificate."""

from __future__ import annotations

from typing import Any

import pytest

from ofs.canonical import jcs
from ofs.semantics.history import LISTED_MAX
from tests.unit.semantics.logs import COUNT, OTHER_PINS, SCOPE, definition, event, history, offsets

TYPED = definition(
    "name: s, op: sum, field: payload.v, type: int, window: 1h\n"
    "name: l, op: last, field: payload.w, type: string, window: 1h",
    "where: [{field: payload.ok, eq: true}]\n",
)


def drop(allowed: str) -> dict[str, Any]:
    """A group that drops late events."""
    return definition(
        "name: n, op: count, window: 1h", f"late: {{policy: drop, allowed_lateness: {allowed}}}\n"
    )


def test_a_later_copy_never_counts() -> None:
    """The first offset of an id wins; copies with equal bytes and with others are counted, the others listed apart."""
    first, same, other = event("e", 5), event("e", 5), event("e", 5, '{"k":"K","x":1}')
    folded = history([COUNT], [(0, first), (1, same), (2, other), (3, event("f", 5))])
    assert offsets(folded) == [0, 3]
    assert folded.duplicates.to_dict() == {"count": 2, "offsets": [1, 2]}
    assert folded.duplicates_differing.to_dict() == {"count": 1, "offsets": [2]}


def test_a_copy_differs_from_the_first_not_from_the_one_before() -> None:
    """Every copy is compared with the first one's bytes."""
    changed = event("e", 5, '{"k":"K","x":1}')
    folded = history([COUNT], [(0, event("e", 5)), (1, changed), (2, changed), (3, event("e", 5))])
    assert folded.duplicates.count == 3
    assert folded.duplicates_differing.entries == [1, 2]


@pytest.mark.parametrize(
    "spoilt",
    ['{"ok":false,"k":"K"}', '{"ok":true}', '{"ok":true,"k":""}', '{"ok":true,"k":"K","v":"1"}'],
    ids=["filtered", "no key", "bad key", "bad value"],
)
def test_a_copy_of_a_spoilt_event_does_not_count_either(spoilt: str) -> None:
    """A first copy that contributes nothing still makes the later one a duplicate."""
    folded = history([TYPED], [(0, event("e", 5, spoilt)), (1, event("e", 5, '{"ok":true,"k":"K","v":1}'))])
    assert offsets(folded) == []
    assert folded.duplicates.entries == [1]


@pytest.mark.parametrize("members", [{"event_type": "u"}, {"seed": 1}, {"scenario_id": "other"}])
def test_ids_are_scoped_by_pins_and_type(members: dict[str, Any]) -> None:
    """The same id under another type or other pins is another event."""
    folded = history([COUNT], [(0, event("e", 5, **members)), (1, event("e", 5))])
    assert offsets(folded) == [1]
    assert folded.duplicates.count == 0


def test_an_absent_pin_is_not_a_given_one() -> None:
    """Null is absent, and no state crosses pins."""
    other = jcs(OTHER_PINS)
    folded = history(
        [COUNT],
        [
            (0, event("a", 5)),
            (1, event("b", 5, seed=1)),
            (2, event("c", 5, seed=None)),
            (3, event("a", 5, seed=1)),
        ],
        scopes=(SCOPE, other),
    )
    assert offsets(folded) == [0, 2]
    assert offsets(folded, pins=other) == [1, 3]
    assert folded.other_pins == 0


def test_events_of_other_pins_are_admitted_and_counted_only() -> None:
    """They contribute nothing, but their duplicates are duplicates."""
    folded = history([COUNT], [(0, event("e", 5, seed=1)), (1, event("e", 5, seed=1)), (2, event("e", 5))])
    assert (folded.admitted, folded.other_pins, folded.duplicates.entries) == (3, 2, [1])
    assert offsets(folded) == [2]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ('{"k":"K"}', "filtered"),
        ('{"ok":null,"k":"K"}', "filtered"),
        ('{"ok":false,"k":1.5,"v":"x"}', "filtered"),
        ('{"ok":true,"v":"x"}', "no_key"),
        ('{"ok":true,"k":null,"v":1}', "no_key"),
        ('{"ok":true,"k":"","v":"x"}', "key_invalid"),
        ('{"ok":true,"k":1.5}', "key_invalid"),
        ('{"ok":true,"k":"K","v":1.0,"w":"x"}', "value_invalid"),
        ('{"ok":true,"k":"K","v":1,"w":7}', "value_invalid"),
    ],
)
def test_an_event_that_contributes_nothing_is_counted_for_the_first_cause(payload: str, kind: str) -> None:
    """Filtered, no key, bad key, bad value, in this order, each group for itself."""
    folded = history([TYPED, COUNT], [(0, event("e", 5, payload))])
    tally = folded.tallies[0].to_dict()
    assert tally["usable"] == 0
    counted = {
        name: entry if name == "filtered" else entry["count"]
        for name, entry in tally.items()
        if name != "usable"
    }
    assert {name for name, count in counted.items() if count} == {kind}
    assert offsets(folded) == []


def test_a_missing_value_is_usable_and_listed() -> None:
    """Skipped by operators on that field, it still counts."""
    folded = history(
        [TYPED],
        [
            (0, event("a", 5, '{"ok":true,"k":"K","v":null,"w":"x"}')),
            (1, event("b", 5, '{"ok":true,"k":"K"}')),
        ],
    )
    tally = folded.tallies[0].to_dict()
    assert (tally["usable"], tally["value_missing"]) == (2, {"count": 2, "offsets": [0, 1]})
    assert [entry.values for entry in folded.contributions(0, SCOPE, "K")] == [
        {"payload.v": None, "payload.w": "x"},
        {"payload.v": None, "payload.w": None},
    ]


def test_another_event_type_is_not_counted_by_the_group() -> None:
    """It is admitted, and no tally moves."""
    folded = history([COUNT], [(0, event("e", 5, event_type="u"))])
    assert folded.admitted == 1
    assert folded.tallies[0].to_dict()["usable"] == folded.tallies[0].to_dict()["filtered"] == 0


def test_keys_of_strings_and_integers_meet() -> None:
    """12 and "12" are one key, -0 and 0 too."""
    folded = history(
        [COUNT],
        [(0, event("a", 1, '{"k":12}')), (1, event("b", 2, '{"k":"12"}')), (2, event("c", 3, '{"k":-0}'))],
    )
    assert offsets(folded, key="12") == [0, 1]
    assert offsets(folded, key="0") == [2]


def test_an_event_is_late_below_the_largest_time_before_it_minus_the_allowance() -> None:
    """Exactly the allowance is not late; the event itself and later ones do not count."""
    records = [
        (0, event("a", 100)),
        (1, event("b", 90)),
        (2, event("c", 89)),
        (3, event("d", 110)),
        (4, event("e", 99)),
    ]
    folded = history([drop("10us")], records)
    assert offsets(folded) == [0, 1, 3]
    assert folded.tallies[0].listings["late"].entries == [2, 4]


def test_included_events_are_never_late() -> None:
    """The default counts by event time, whenever an event came."""
    assert offsets(history([COUNT], [(0, event("a", 100)), (1, event("b", 1))])) == [0, 1]


@pytest.mark.parametrize(
    "members",
    [{"event_type": "u"}, {"payload": '{"k":""}'}, {"payload": "{}"}],
    ids=["type", "bad key", "no key"],
)
def test_any_first_copy_sets_the_largest_time(members: dict[str, Any]) -> None:
    """Of any type, usable or not."""
    assert offsets(history([drop("1us")], [(0, event("a", 100, **members)), (1, event("b", 90))])) == []


@pytest.mark.parametrize(
    "value",
    [event("a", 100, seed=1), event("x", 100), b"{", None],
    ids=["other pins", "a later copy", "rejected", "null"],
)
def test_what_is_no_first_copy_of_the_pins_does_not_set_the_largest_time(value: bytes | None) -> None:
    """Other pins, later copies with another time and rejected records do not make others late."""
    folded = history([drop("1us")], [(0, event("x", 50)), (1, value), (2, event("b", 60))])
    assert offsets(folded)[-1] == 2


def test_lateness_is_that_of_the_partition() -> None:
    """Another partition's times do not count."""
    one = history([drop("1us")], [(0, event("a", 100))], partition=0)
    other = history([drop("1us")], [(0, event("b", 1))], partition=1)
    assert offsets(one) == offsets(other) == [0]


def test_the_largest_event_time_is_that_of_first_copies_inside_the_cut() -> None:
    """The watermark of a cut; None where nothing of the pins is inside."""
    folded = history(
        [COUNT],
        [(0, b"{"), (1, event("a", 50)), (2, event("b", 40)), (3, event("a", 99)), (5, event("c", 60))],
    )
    found = [folded.max_event_time_us(SCOPE, cut) for cut in (0, 1, 2, 3, 5, 6, 99)]
    assert found == [None, None, 50, 50, 50, 60, 60]
    assert folded.max_event_time_us(jcs(OTHER_PINS), 99) is None


def test_the_certificate_holds_every_count() -> None:
    """Records, rejected, holes, other pins and skew over [start, frontier)."""
    records = [(3, None), (4, b"{"), (5, event("a", 1)), (8, event("a", 1)), (9, event("b", 2_000, seed=1))]
    folded = history([COUNT], records, start=2, max_skew_us=10)
    folded.advance(12)
    certificate = folded.certificate("cd" * 32)
    empty = {"count": 0, "offsets": []}
    assert certificate == {
        "stream": "events",
        "partition": 0,
        "start": 2,
        "end": 12,
        "records": 5,
        "admitted": 3,
        "rejected": {
            "count": 2,
            "by_reason": {"not_json": 1, "value_null": 1},
            "offsets": [[3, "value_null"], [4, "not_json"]],
        },
        "duplicates": {"count": 1, "offsets": [8]},
        "duplicates_differing": empty,
        "other_pins": 1,
        "holes": {"count": 5, "ranges": [[2, 3], [6, 8], [10, 12]]},
        "skew_us_max": 991,
        "skew_violation": 9,
        "content_digest": "cd" * 32,
        "groups": {
            "g:v1": {
                "usable": 1,
                "filtered": 0,
                **dict.fromkeys(("no_key", "key_invalid", "value_invalid", "value_missing", "late"), empty),
            }
        },
    }


def test_the_first_record_beyond_the_skew_is_the_violation() -> None:
    """Exactly the skew is allowed; the largest one is kept, also below zero."""
    exact = history([COUNT], [(0, event("a", 1_010))], max_skew_us=10)
    assert (exact.skew_us_max, exact.skew_violation) == (10, None)
    beyond = history([COUNT], [(0, event("a", 1_011)), (1, event("b", 9_999))], max_skew_us=10)
    assert (beyond.skew_us_max, beyond.skew_violation) == (9_999 - 1_001, 0)
    assert history([COUNT], [(0, event("a", 0))]).skew_us_max == -1_000
    assert history([COUNT], [(0, b"{")]).skew_us_max is None


def test_lists_stop_at_their_limit_and_counts_do_not() -> None:
    """1,000 entries beside the full count; a hole counts its offsets."""
    folded = history([COUNT], [(offset, b"{") for offset in range(0, 2 * (LISTED_MAX + 5), 2)])
    assert (folded.rejected.count, len(folded.rejected.entries)) == (LISTED_MAX + 5, LISTED_MAX)
    assert (folded.holes.count, len(folded.holes.entries)) == (LISTED_MAX + 4, LISTED_MAX)
    folded.advance(10_000)
    assert folded.holes.count == 10_000 - (LISTED_MAX + 5)


def test_advancing_backwards_changes_nothing() -> None:
    """The frontier never falls."""
    folded = history([COUNT], [(0, b"{"), (1, b"{")])
    folded.advance(0)
    assert (folded.frontier, folded.holes.count) == (2, 0)
