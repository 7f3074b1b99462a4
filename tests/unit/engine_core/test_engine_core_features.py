"""What operators and windows give, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine_core.workbench import LIFETIME, Bench, Json, Row, event, feature, group, sliding

#        offset time amount name
# p0        0     10   1.00  x        p1   0    12   4.00   y
#           1     20   2.50  y             1    20  -1.00   x
#           2     20   null  x             2    35   7.00   (none)
#           3     15   3.00  z
ROWS = [
    [
        event(0, 10, "1.00", name="x", n=5),
        event(1, 20, 2.5, name="y", n=-2),
        event(2, 20, None, name="x", n=2**53),
        event(3, 15, "3", name="z", n=2**63 - 1),
    ],
    [event(0, 12, "4.00", name="y"), event(1, 20, -1, name="x"), event(2, 35, 7e0)],
]
STRING = {"field": "payload.name", "type": {"kind": "string"}}
INT = {"field": "payload.n", "type": {"kind": "int"}}
WHOLE = (40, (4, 3))


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (feature("f", "count", LIFETIME), 7),
        (feature("f", "sum", LIFETIME), "16.50"),
        (feature("f", "mean", LIFETIME, scale=6), "2.750000"),
        (feature("f", "variance", LIFETIME, scale=4), "6.1458"),  # squares 82.25 / 6 - 2.75^2
        (feature("f", "stddev", LIFETIME, scale=6), "2.479079"),
        (feature("f", "min", LIFETIME), "-1.00"),
        (feature("f", "max", LIFETIME), "7.00"),
        (feature("f", "first", LIFETIME), "1.00"),
        (feature("f", "last", LIFETIME), "7.00"),
        (feature("f", "first_k", LIFETIME, k=2), ["1.00", "4.00"]),
        (feature("f", "last_k", LIFETIME, k=3), ["2.50", "-1.00", "7.00"]),
        (feature("f", "count_distinct", LIFETIME, **STRING), 3),
        (feature("f", "top_k", LIFETIME, k=2, **STRING), [["x", 3], ["y", 2]]),
        (feature("f", "min", LIFETIME, **STRING), "x"),
        (feature("f", "last", LIFETIME, **STRING), "x"),
        (feature("f", "sum", LIFETIME, **INT), str(5 - 2 + 2**53 + 2**63 - 1)),
        (feature("f", "max", LIFETIME, **INT), str(2**63 - 1)),
        (feature("f", "first_k", LIFETIME, k=9, **INT), [5, str(2**63 - 1), -2, str(2**53)]),
        (feature("f", "age_of_last", LIFETIME), 5),
        (feature("f", "age_of_first", LIFETIME), 30),
    ],
    ids=lambda one: str(one.get("op")) if isinstance(one, dict) else "",
)
def test_operator_gives_the_number_worked_out_by_hand(one: Json, value: Any) -> None:
    """Each operator over two partitions is what the table above says, missing values skipped."""
    assert Bench([group(one)], ROWS).features(*WHOLE)["f"] == value


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (feature("f", "count", sliding(9)), 0),
        (feature("f", "count_distinct", sliding(9)), 0),
        (feature("f", "sum", sliding(9)), "0.00"),
        (feature("f", "sum", sliding(9), **INT), 0),
        (feature("f", "top_k", sliding(9), k=1), []),
        (feature("f", "last_k", sliding(9), k=1), []),
        (feature("f", "mean", sliding(9), scale=1), None),
        (feature("f", "stddev", sliding(9), scale=1), None),
        (feature("f", "max", sliding(9)), None),
        (feature("f", "first", sliding(9)), None),
        (feature("f", "age_of_last", sliding(9)), None),
    ],
    ids=lambda one: str(one.get("op")) if isinstance(one, dict) else "",
)
def test_operator_over_nothing_is_zero_empty_or_null(one: Json, value: Any) -> None:
    """Beside an event in a longer window, an empty window gives the value of nothing, and so does an unknown card."""
    bench = Bench([group(one, feature("g", "count", sliding(1_000)))], ROWS)
    assert bench.features(50, (4, 3)) == {"f": value, "g": 7}
    assert bench.features(50, (4, 3), card="Z") == {"f": value, "g": 0}


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (["amount", "n"], "2.357143"),  # 16.5 / 7: a missing amount still counts
        (["mean", "low"], "-2.750000"),
        (["age", "n"], "0.714286"),
        (["n", "none"], None),
        (["empty", "n"], None),
        (["none", "n"], "0.000000"),
    ],
)
def test_ratio_divides_exact_values_and_rounds_once(of: list[str], value: str | None) -> None:
    """A ratio is of the unrounded operands; null where one is null or the denominator is 0."""
    features = [
        feature("amount", "sum", LIFETIME),
        feature("n", "count", LIFETIME),
        feature("mean", "mean", LIFETIME, scale=0),
        feature("low", "min", LIFETIME),
        feature("age", "age_of_last", LIFETIME),
        feature("none", "count", sliding(1)),
        feature("empty", "mean", sliding(1), scale=2),
        feature("f", "ratio", of=of, scale=6),
    ]
    assert Bench([group(*features)], ROWS).features(*WHOLE)["f"] == value


@pytest.mark.parametrize(
    ("window", "as_of_us", "counted"),
    [
        (sliding(10), 20, [10, 12, 15]),  # 20 itself is outside, 10 is in
        (sliding(10), 21, [12, 15, 20, 20, 20]),
        (sliding(1), 36, [35]),
        ({"kind": "tumbling", "size_us": 10, "back": 0}, 20, []),
        ({"kind": "tumbling", "size_us": 10, "back": 0}, 21, [20, 20, 20]),
        ({"kind": "tumbling", "size_us": 10, "back": 1}, 21, [10, 12, 15]),
        ({"kind": "tumbling", "size_us": 10, "back": 2}, 39, [10, 12, 15]),
        ({"kind": "hopping", "size_us": 10, "every_us": 5}, 24, [10, 12, 15]),
        ({"kind": "hopping", "size_us": 10, "every_us": 5}, 25, [15, 20, 20, 20]),
        ({"kind": "session", "gap_us": 5}, 21, [10, 12, 15, 20, 20, 20]),
        ({"kind": "session", "gap_us": 4}, 21, [20, 20, 20]),
        ({"kind": "session", "gap_us": 5}, 25, [10, 12, 15, 20, 20, 20]),
        ({"kind": "session", "gap_us": 5}, 26, []),
        ({"kind": "session", "gap_us": 5, "max_us": 9}, 24, [15, 20, 20, 20]),
        ({"kind": "session", "gap_us": 15}, 36, [10, 12, 15, 20, 20, 20, 35]),
        (LIFETIME, 20, [10, 12, 15]),
    ],
)
def test_window_holds_its_events_and_no_other(window: Json, as_of_us: int, counted: list[int]) -> None:
    """Windows are half-open and end at as-of; sessions chain over partitions."""
    features = [
        feature("f", "count", window),
        feature("old", "age_of_first", window),
        feature("new", "age_of_last", window),
    ]
    ages = (as_of_us - counted[0], as_of_us - counted[-1]) if counted else (None, None)
    found = Bench([group(*features)], ROWS).features(as_of_us, (4, 3))
    assert (found["f"], found["old"], found["new"]) == (len(counted), *ages)


def test_session_of_a_single_partition_is_the_last_chain() -> None:
    """Where no other partition takes part, only the last run counts, with all of its values."""
    rows = [event(offset, time_us, 1) for offset, time_us in enumerate((10, 12, 30, 33, 36))]
    bench = Bench([group(feature("f", "sum", {"kind": "session", "gap_us": 3}))], [rows])
    assert [bench.features(as_of_us, (5,))["f"] for as_of_us in (37, 39, 40, 36, 15, 16)] == [
        "3.00",
        "3.00",
        "0.00",
        "2.00",
        "2.00",
        "0.00",
    ]


def test_cut_and_ingest_time_decide_what_is_visible() -> None:
    """Offsets below the cut count; with ingest time only those also logged before as-of."""
    rows = [event(0, 10, log_ts_us=40), event(1, 11, log_ts_us=20), event(2, 12, log_ts_us=31)]
    bench = Bench([group(feature("f", "count", LIFETIME))], [rows])
    found = [
        bench.features(30, (cut,), basis=basis)["f"]
        for basis in ("event_time", "ingest_time")
        for cut in range(4)
    ]
    assert found == [0, 1, 2, 3, 0, 0, 1, 1]
    assert bench.features(31, (3,), basis="ingest_time")["f"] == 1
    assert bench.features(32, (3,), basis="ingest_time")["f"] == 2


def test_ties_are_ordered_by_stream_partition_and_offset() -> None:
    """Equal event times stand in the order of partition, then offset, whichever was folded first."""
    rows = [[event(0, 5, 3), event(1, 5, 4)], [event(0, 5, 1), event(1, 5, 2)]]
    bench = Bench([group(feature("f", "last_k", LIFETIME, k=4), feature("l", "last", LIFETIME))], rows)
    assert bench.features(9, (2, 2)) == {"f": ["3.00", "4.00", "1.00", "2.00"], "l": "2.00"}


def test_late_events_are_dropped_by_their_partition_alone() -> None:
    """An event is late by the largest earlier event time of its partition, of first copies of any type."""
    rows = [
        [
            event(0, 50),
            event(1, 39),
            event(2, 40),
            event(3, 100, event_type="other"),
            event(4, 89),
            event(5, 90),
        ],
        [event(0, 5)],
    ]
    late = {"policy": "drop", "allowed_lateness_us": 10}
    bench = Bench([group(feature("f", "count", LIFETIME), late=late)], rows)
    assert bench.features(200, (6, 1))["f"] == 4


def test_groups_stand_under_the_keys_of_their_type() -> None:
    """A key has the groups of its type, in name order, and a key of no group's type has nothing."""
    groups = [
        group(feature("f", "count", LIFETIME), name="b"),
        group(feature("f", "count", LIFETIME), name="a", key={"type": "card", "field": "payload.other"}),
        group(feature("f", "count", LIFETIME), name="c", key={"type": "shop", "field": "payload.shop"}),
    ]
    rows: list[Row] = [
        event(0, 5, other="A", shop=12),
        event(1, 6, shop="-0"),
        event(2, 7, card=7, shop=-0.0),
    ]
    keys = [("shop", "12"), ("card", "A"), ("shop", "0"), ("bank", "A")]
    feature_keys = [{"key_type": key_type, "key_id": key_id} for key_type, key_id in keys]
    snapshot = Bench(groups, [rows]).snapshot(9, (3,), groups=("a", "b", "c"), feature_keys=feature_keys)
    assert snapshot["features"] == {
        "bank:A": {},
        "card:A": {"a": {"f": 1}, "b": {"f": 2}},
        "shop:0": {"c": {"f": 0}},
        "shop:12": {"c": {"f": 1}},
    }
    assert list(snapshot["freshness"]) == ["bank:A", "card:A", "shop:0", "shop:12"]


def test_freshness_reaches_back_to_the_earliest_start_of_any_window() -> None:
    """The last event in the widest range counts; beyond it there is no data, and past stale_after it is stale."""
    definition = group(
        feature("f", "count", sliding(3)), feature("g", "count", sliding(20)), stale_after_us=5
    )
    bench = Bench([definition], [[event(0, 10), event(1, 30)]])

    def freshness(as_of_us: int) -> tuple[str, int | None, str | None]:
        found = bench.snapshot(as_of_us, (2,))["freshness"]["card:A"]["velocity"]
        return found["state"], found["age_us"], found["last_event_time_utc"]

    assert freshness(10) == ("NO_DATA", None, None)
    assert freshness(15) == ("FRESH", 5, "1970-01-01T00:00:00.000010Z")
    assert freshness(30) == ("STALE", 20, "1970-01-01T00:00:00.000010Z")
    assert freshness(31) == ("FRESH", 1, "1970-01-01T00:00:00.000030Z")
    assert freshness(51) == ("NO_DATA", None, None)
