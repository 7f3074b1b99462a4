"""What a fold counts and lists: each record's fate, holes, skew and the content digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from ofs import _core
from ofs.canonical import jcs
from tests.unit.engine_core.workbench import (
    CENTS,
    LIFETIME,
    OTHER_PINS,
    Json,
    Row,
    apply,
    bound,
    event,
    feature,
    group,
    new_fold,
    plan_of,
)

GROUP = group(
    feature("amount", "sum", LIFETIME),
    feature("names", "count_distinct", LIFETIME, field="payload.name", type={"kind": "string"}),
    where=[{"field": "payload.status", "op": "ne", "operand": {"string": "VOID"}}],
    late={"policy": "drop", "allowed_lateness_us": 50},
)


def no_queries() -> _core.Queries:
    return bound([], []).queries("s", 0, 0, 0, 0, 1)


def good(offset: int, time_us: int, amount: Any = "1.00", **members: Any) -> Row:
    return event(offset, time_us, amount, **{"name": "x", "status": "OK", **members})


def certified(rows: list[Row], *, end: int | None = None, start: int = 0, max_skew_us: int = 10**12) -> Json:
    fold, queries = new_fold(plan_of(GROUP), start=start, max_skew_us=max_skew_us), no_queries()
    assert apply(fold, rows, queries) == len(rows)
    if end is not None:
        fold.advance(end, queries)
    text = fold.certificate()
    certificate: Json = json.loads(text)
    assert jcs(certificate) == text
    return certificate


def test_every_fate_of_a_groups_event_is_counted_and_listed() -> None:
    """The first rule that applies decides, in the order where, key, values, lateness."""
    rows = [
        good(0, 100),
        good(1, 100, status="VOID", card=None, amount="x"),
        good(2, 100, card=None, amount="x"),
        good(3, 100, card="", amount="x"),
        good(4, 100, card=1.0),
        good(5, 40, amount="1.001"),
        good(6, 100, name=5),
        good(7, 49),
        good(8, 50, amount=None),
        event(9, 100, name="x"),  # no status: the condition is false
        good(10, 100, event_type="other", card=None),
    ]
    assert certified(rows)["groups"] == {
        "velocity:v1": {
            "usable": 2,
            "filtered": 2,
            "no_key": {"count": 1, "offsets": [2]},
            "key_invalid": {"count": 2, "offsets": [3, 4]},
            "value_invalid": {"count": 2, "offsets": [5, 6]},
            "value_missing": {"count": 1, "offsets": [8]},
            "late": {"count": 1, "offsets": [7]},
        }
    }


def test_rejected_duplicates_and_other_pins_are_told_apart() -> None:
    """A rejected record is no event; a later copy never counts, also of other pins; types and pins scope the id."""
    rows = [
        good(0, 10, event_id="a"),
        good(1, 11, event_id="a"),
        good(0, 10, event_id="a"),
        good(3, 10, event_id="a", event_type="other"),
        good(4, 10, event_id="a", pins=OTHER_PINS),
        good(5, 10, event_id="a", pins=OTHER_PINS),
        Row(6, None, 0),
        Row(7, b"[]", 0),
        Row(8, b"[", 0),
        Row(9, b"[", 0),
    ]
    rows[2] = Row(2, rows[0].value, 99)
    certificate = certified(rows)
    assert certificate["records"] == 10
    assert certificate["admitted"] == 6
    assert certificate["other_pins"] == 2
    assert certificate["duplicates"] == {"count": 3, "offsets": [1, 2, 5]}
    assert certificate["duplicates_differing"] == {"count": 1, "offsets": [1]}
    assert certificate["rejected"] == {
        "count": 4,
        "by_reason": {"not_json": 2, "not_object": 1, "value_null": 1},
        "offsets": [[6, "value_null"], [7, "not_object"], [8, "not_json"], [9, "not_json"]],
    }
    assert certificate["groups"]["velocity:v1"]["usable"] == 1


def test_holes_are_what_delivered_nothing() -> None:
    """Offsets passed over are counted and listed as ranges, those before the first record and up to the end too."""
    certificate = certified([good(5, 1), good(6, 2), good(9, 3)], start=3, end=12)
    assert certificate["holes"] == {"count": 6, "ranges": [[3, 5], [7, 9], [10, 12]]}
    assert (certificate["start"], certificate["end"]) == (3, 12)


def test_skew_is_the_largest_lead_of_event_over_log_time() -> None:
    """The largest skew of any admitted event, and the first offset beyond the allowance."""
    rows = [
        good(0, 100, log_ts_us=90),
        good(1, 120, log_ts_us=100, pins=OTHER_PINS),
        good(2, 150, log_ts_us=120),
    ]
    assert [certified(rows[:1], max_skew_us=10)[name] for name in ("skew_us_max", "skew_violation")] == [
        10,
        None,
    ]
    assert [certified(rows, max_skew_us=19)[name] for name in ("skew_us_max", "skew_violation")] == [30, 1]
    assert certified([])["skew_us_max"] is None


def test_lists_end_at_a_thousand_and_counts_do_not() -> None:
    """Every list holds the first 1,000 entries beside the full count."""
    certificate = certified([Row(2 * place, b"", 0) for place in range(1_200)])
    assert certificate["rejected"]["count"] == 1_200
    assert len(certificate["rejected"]["offsets"]) == 1_000
    assert certificate["holes"]["count"] == 1_199
    assert len(certificate["holes"]["ranges"]) == 1_000


def test_content_digest_is_that_of_the_records() -> None:
    """The certificate's digest is the range digest of what was applied; of nothing it is that of no bytes."""
    rows = [good(0, 1), Row(5_000, None, -3)]
    digest = _core.RangeDigest()
    digest.update([0, 5_000], [1, -3], [2, 2], [None, None], [rows[0].value, None], None)
    assert certified(rows)["content_digest"] == digest.root()
    assert certified([])["content_digest"] == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_certificate_does_not_depend_on_batches(size: int) -> None:
    """Whatever the batches, and wherever the frontier was moved between them, the certificate is the same."""
    rows = [
        good(place * 3 // 2, place * 7 % 50, event_id=f"e{place % 20}", amount=CENTS if place % 9 == 0 else 2)
        for place in range(40)
    ]
    fold, queries = new_fold(plan_of(GROUP)), no_queries()
    for at in range(0, len(rows), size):
        fold.advance(rows[at].offset, queries)
        apply(fold, rows[at : at + size], queries)
    assert json.loads(fold.certificate()) == certified(rows)
