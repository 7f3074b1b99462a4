"""What a fold reads ahead and what it lets go changes no answer."""

from __future__ import annotations

import json

import pytest

from ofs import _core
from ofs.units import INT64_MAX, INT64_MIN
from tests.unit.engine_core.workbench import (
    EVERY_CUT,
    LIFETIME,
    Bench,
    Json,
    Row,
    apply,
    assembled,
    bound,
    decision,
    event,
    feature,
    group,
    new_fold,
    plan_of,
    sliding,
)

SIZE = 1_000
GROUP = group(
    feature("n", "count", sliding(SIZE)),
    feature("total", "sum", sliding(SIZE)),
    feature("least", "min", sliding(SIZE // 2)),
    feature("lately", "sum", {"kind": "tumbling", "size_us": 100, "back": 1}),
    feature("tail", "last_k", sliding(SIZE), k=3),
)
ROWS = [
    event(place, 10 * place + place * 7 % 40, (place * 5) % 8 - 3, card="AB"[place % 3 == 0])
    for place in range(900)
]
DECISIONS = [decision(number, 25 * number, (number * 5 // 2,), cards=("A", "B")) for number in range(360)]


@pytest.mark.parametrize("at_once", [False, True])
def test_what_no_answer_will_see_is_let_go(at_once: bool) -> None:
    """Contributions of many windows are dropped on the way; the snapshots are those of a fold that keeps all."""
    plan, sealed = plan_of(GROUP), bound([GROUP], DECISIONS)
    fold, answers = new_fold(plan), []
    for lo in range(0, len(sealed), 20):
        queries = sealed.queries("s", 0, lo, lo + 20, 0, EVERY_CUT)
        fold.forget(sealed.as_of_min(lo), at_once=at_once)
        apply(fold, ROWS[fold.frontier :], queries, limit=sealed.cut_max("s", 0, lo, lo + 20))
        answers.append(queries)
    whole = new_fold(plan)
    apply(whole, ROWS[: fold.frontier], sealed.queries("s", 0, 0, 0, 0, EVERY_CUT))
    assert fold.resident_bytes() < whole.resident_bytes() - 300 * 32
    assert fold.certificate() == whole.certificate()
    found = [verdict.snapshot for verdict in assembled(plan, sealed, answers)]
    assert found == [verdict.snapshot for verdict in Bench([GROUP], [ROWS]).verdicts(DECISIONS)]


def test_an_as_of_before_what_was_forgotten_is_refused() -> None:
    """Nothing is answered from what may be gone."""
    plan, sealed = plan_of(GROUP), bound([GROUP], [decision(0, 4_000, (300,)), decision(1, 5_000, (300,))])
    fold = new_fold(plan)
    fold.forget(4_001, at_once=False)
    with pytest.raises(ValueError, match="up to which was forgotten"):
        apply(fold, ROWS, sealed.queries("s", 0, 0, 2, 0, EVERY_CUT))
    fold.forget(3_000, at_once=False)  # what is gone does not come back
    with pytest.raises(ValueError, match="up to which was forgotten"):
        fold.advance(300, sealed.queries("s", 0, 0, 1, 0, EVERY_CUT))
    fold.advance(300, sealed.queries("s", 0, 1, 2, 0, EVERY_CUT))


@pytest.mark.parametrize(
    "one",
    [
        feature("all", "sum", LIFETIME),
        feature("chain", "max", {"kind": "session", "gap_us": 4}),
        feature("top", "top_k", sliding(SIZE), k=2),
    ],
)
def test_a_group_that_may_look_further_back_keeps_all(one: Json) -> None:
    """Lifetime has no start; what answers build on each other need stays."""
    plan = plan_of(group(one))
    folds = [new_fold(plan), new_fold(plan)]
    folds[1].forget(INT64_MAX, at_once=True)
    nothing = _core.Decisions()
    nothing.seal()
    for fold in folds:
        apply(fold, ROWS, nothing.queries("s", 0, 0, 0, 0, EVERY_CUT))
    assert folds[0].resident_bytes() == folds[1].resident_bytes()


def test_the_smallest_as_of_to_come_is_that_of_all_from_there_on() -> None:
    """Steps, ends and decisions that are not understood make no difference; one of the watermark basis does."""
    times = [(number * 7_919) % 10_007 for number in range(2_600)]
    some = [decision(number, time_us, (1,)) for number, time_us in enumerate(times)]
    some[5] = {"decision_id": "d5"}
    sealed = bound([GROUP], some)
    times[5] = INT64_MAX
    for lo in [0, 1, 5, 6, 1_023, 1_024, 1_025, 2_047, 2_048, 2_599]:
        assert sealed.as_of_min(lo) == min(times[lo:])
    assert sealed.as_of_min(2_600) == INT64_MAX
    derived = bound([GROUP], [*some, decision(2_600, 5, (1,), basis="watermark"), decision(2_601, 9, (1,))])
    assert [derived.as_of_min(lo) for lo in (0, 2_600, 2_601)] == [INT64_MIN, INT64_MIN, 9]


def test_what_is_read_ahead_changes_no_answer() -> None:
    """So many keys that the fold reads ahead: old and new ones, and rows that ask for absent ones."""
    count = 2_500
    rows = [event(place, 10 + place, card=f"c{place % count}") for place in range(2 * count)]
    asked = [
        decision(
            number, 3_000 + number * 40, (count + number * 40,), cards=(f"c{number}", f"c{number + 2_470}")
        )
        for number in range(60)
    ]
    cards = [{key["key_id"] for key in one["feature_keys"]} for one in asked]
    few = [[row for row in rows if f"c{row.offset % count}" in some] for some in cards]
    alone = [
        snapshots(own, [one], 1) for own, one in zip(few, asked, strict=True)
    ]  # a few keys: nothing is read ahead
    expected = [snapshot for some in alone for snapshot in some]
    assert snapshots(rows, asked, 1_000) == snapshots(rows, asked, 1) == expected


def snapshots(rows: list[Row], asked: list[Json], size: int) -> list[Json]:
    """What comes of decisions, the log read in batches of a size."""
    plan, sealed = plan_of(GROUP), bound([GROUP], asked)
    fold, queries = new_fold(plan), sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)
    for at in range(0, len(rows), size):
        apply(fold, rows[at : at + size], queries)
    fold.advance(EVERY_CUT, queries)
    return [json.loads(verdict.snapshot or b"")["features"] for verdict in assembled(plan, sealed, [queries])]
