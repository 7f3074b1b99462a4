"""When queries are answered, and that answers do not depend on how the log was read."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from ofs import _core
from ofs.canonical import jcs
from ofs.packed import Packed
from tests.unit.engine_core.workbench import (
    EVERY_CUT,
    LIFETIME,
    OTHER_PINS,
    PINS,
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

GROUP = group(
    feature("n", "count", sliding(15)),
    feature("total", "sum", sliding(15)),
    feature("spread", "variance", LIFETIME, scale=3),
    feature("top", "top_k", LIFETIME, k=2),
    feature("tail", "last_k", LIFETIME, k=3),
    feature("chain", "max", {"kind": "session", "gap_us": 4}),
)
ROWS = [
    event(place, 10 + (place * 7) % 30, (place * 5) % 8 - 3, card="AB"[place % 3 == 0]) for place in range(30)
]
DECISIONS = [
    decision(
        number,
        12 + number % 25,
        (number * 11 % 31,),
        cards=("A", "B"),
        basis=("event_time", "ingest_time")[number % 2],
    )
    for number in range(40)
]


def verdicts(plan: _core.Plan, sealed: _core.Decisions, *answers: _core.Queries) -> list[bytes | None]:
    found = assembled(plan, sealed, answers)
    assert len(found) == len(sealed)
    return [verdict.snapshot for verdict in found]


def expected() -> list[bytes | None]:
    return [verdict.snapshot for verdict in Bench([GROUP], [ROWS]).verdicts(DECISIONS)]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_answers_do_not_depend_on_batches(size: int) -> None:
    """Batches of any size give the bytes of a single one, queries handed over as bytes between them."""
    plan, sealed = plan_of(GROUP), bound([GROUP], DECISIONS)
    fold, queries = new_fold(plan), sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)
    for at in range(0, len(ROWS), size):
        apply(fold, ROWS[at : at + size], queries)
        queries = _core.Queries.from_bytes(queries.to_bytes())
    assert queries.answered == len(queries) == len(DECISIONS)
    assert verdicts(plan, sealed, queries) == expected()


def test_query_behind_the_frontier_sees_what_a_fresh_fold_sees_at_its_cut() -> None:
    """A fold that has gone on leaves out later offsets; the answer is that of a fold that stopped at the cut."""
    plan, sealed = plan_of(GROUP), bound([GROUP], DECISIONS)
    fold = new_fold(plan)
    apply(fold, ROWS, sealed.queries("s", 0, 0, 0, 0, 1))
    queries = sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)
    fold.advance(9, queries)
    assert queries.answered == sum(one["basis"][0]["next_offset"] <= 9 for one in DECISIONS)
    fold.advance(fold.frontier, queries)
    assert fold.frontier == 30
    assert verdicts(plan, sealed, queries) == expected()
    for number, one in enumerate(DECISIONS[:10]):
        cut = one["basis"][0]["next_offset"]
        (fresh,) = Bench([GROUP], [ROWS[:cut]]).verdicts([one])
        assert fresh.snapshot == expected()[number]


def test_cuts_may_be_answered_in_several_ranges() -> None:
    """Queries of disjoint ranges of cuts together give what those of all cuts give."""
    plan, sealed = plan_of(GROUP), bound([GROUP], DECISIONS)
    fold = new_fold(plan)
    parts = [sealed.queries("s", 0, 0, len(sealed), *cuts) for cuts in ((0, 9), (9, 20), (20, EVERY_CUT))]
    for part, rows in zip(parts, (ROWS[:8], ROWS[8:19], ROWS[19:]), strict=True):
        apply(fold, rows, part)
        assert part.answered == len(part) > 0
    assert verdicts(plan, sealed, *parts) == expected()


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 39])
def test_parts_of_a_chunk_are_those_of_the_whole_when_assembled_apart(size: int, is_ordered: bool) -> None:
    """Whether the cuts ascend with the decisions or not, and whatever stands between those that are answerable."""
    decisions = sorted(DECISIONS, key=lambda one: one["basis"][0]["next_offset"]) if is_ordered else DECISIONS
    plan, sealed = plan_of(GROUP), bound([GROUP], decisions)
    sealed.exclude([3, 4, 17, 39])
    fold, queries = new_fold(plan), sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)
    apply(fold, ROWS, queries)
    whole = _core.assemble(plan, sealed, 0, 40, [queries], "r1", "all")
    for lo in range(0, 40, size):
        hi = min(lo + size, 40)
        part = _core.assemble(plan, sealed, lo, hi, [queries], "r1", "all")
        assert part.snapshots(lo, hi) == whole.snapshots(lo, hi)
    assert [length > 0 for length in Packed(*whole.snapshots(0, 40)).lengths()] == [
        number not in (3, 4, 17, 39) for number in range(40)
    ]


def test_query_is_answered_when_the_frontier_reaches_its_cut() -> None:
    """Applied records and holes move the frontier; `limit` and `first` bound what is applied."""
    cuts = (0, 1, 2, 3, 6, 8)
    sealed = bound([GROUP], [decision(number, 50, (cut,)) for number, cut in enumerate(cuts)])
    fold, queries = new_fold(plan_of(GROUP)), sealed.queries("s", 0, 0, len(cuts), 0, EVERY_CUT)
    rows = [ROWS[0], ROWS[1], ROWS[5], ROWS[6]]
    assert (len(queries), queries.answered) == (6, 0)
    assert apply(fold, rows, queries, limit=0) == 0
    assert (fold.frontier, queries.answered) == (0, 1)
    assert apply(fold, rows, queries, limit=3) == 2
    assert (fold.frontier, queries.answered) == (2, 3)
    assert apply(fold, rows, queries, first=2, limit=6) == 3
    assert (fold.frontier, queries.answered) == (6, 5)
    assert apply(fold, rows, queries, first=3) == 4
    fold.advance(9, queries)
    assert (fold.frontier, queries.answered) == (9, 6)


def test_watermarks_are_the_largest_event_time_inside_the_cut() -> None:
    """Of first copies with the decision's pins, usable or not; None where the cut holds no event."""
    rows = [
        event(0, 30),
        event(1, 20, card=None),
        event(2, 60, pins=OTHER_PINS),
        event(3, 50, event_type="other"),
    ]
    rows.append(Row(4, event(4, 99, event_id="e0").value, 0))
    decisions = [decision(cut, None, (cut,), basis="watermark") for cut in range(6)]
    decisions.append(decision(9, 5, (5,)))
    sealed = bound([GROUP], decisions)
    fold, queries = new_fold(plan_of(GROUP)), sealed.queries("s", 0, 0, 7, 0, EVERY_CUT)
    assert len(queries) == 1
    apply(fold, rows, queries)
    found = fold.watermarks(sealed, 0, 7)
    assert found == [(0, None), (1, 30), (2, 30), (3, 30), (4, 50), (5, 50)]
    for index, time_us in found[1:]:
        assert time_us is not None
        sealed.set_as_of(index, time_us)
    assert len(sealed.queries("s", 0, 0, 7, 0, EVERY_CUT)) == 6


def refused(rows: Sequence[Row], *, start: int = 0) -> None:
    fold = new_fold(plan_of(GROUP), start=start)
    apply(fold, rows, bound([GROUP], []).queries("s", 0, 0, 0, 0, 1))


def test_misuse_is_a_value_error() -> None:
    """Offsets out of order, queries of another partition or pins, and a watermark beyond the frontier are refused."""
    with pytest.raises(ValueError, match="ascending"):
        refused([ROWS[1], ROWS[0]])
    with pytest.raises(ValueError, match="behind the frontier"):
        refused([ROWS[1]], start=2)
    plan = plan_of(GROUP)
    other: Json = {**decision(0, 9, (0,)), "context_pins": OTHER_PINS}
    with pytest.raises(ValueError, match="pins"):
        new_fold(plan).advance(0, bound([GROUP], [other]).queries("s", 0, 0, 1, 0, 1))
    sealed = bound([GROUP], [decision(0, 9, (0, 0)), decision(1, None, (5, 5), basis="watermark")])
    with pytest.raises(ValueError, match="another partition"):
        new_fold(plan).advance(0, sealed.queries("s", 1, 0, 1, 0, 1))
    with pytest.raises(ValueError, match="frontier"):
        new_fold(plan).watermarks(sealed, 0, 2)
    with pytest.raises(ValueError, match="start"):
        _core.Fold(plan, [jcs(PINS)], "s", 0, -1, 0)


def test_questions_follow_what_the_decisions_become() -> None:
    """Questions are kept for the partitions that ask next, but not beyond a change of the decisions."""
    sealed = bound([GROUP], [decision(0, 9, (3,)), decision(1, None, (5,), basis="watermark")])

    def asked() -> int:
        return len(sealed.queries("s", 0, 0, 2, 0, EVERY_CUT))

    assert [asked(), asked()] == [1, 1]
    sealed.set_as_of(1, 7)
    assert asked() == 2
    sealed.exclude([0])
    assert asked() == 1


def test_missing_answers_are_refused() -> None:
    """A partition without an answer, with two, or with one that was not folded yet, gives no verdict."""
    plan, sealed = plan_of(GROUP), bound([GROUP], [decision(0, 9, (3, 3))])
    queries = [sealed.queries("s", partition, 0, 1, 0, EVERY_CUT) for partition in (0, 1)]
    new_fold(plan, 0).advance(3, queries[0])
    for answers in (queries[:1], queries):
        with pytest.raises(ValueError, match="no answer of s 1"):
            _core.assemble(plan, sealed, 0, 1, answers, "r1", "all")
    new_fold(plan, 1).advance(3, queries[1])
    for answers in ([*queries, queries[1]], [queries[0], queries[0]]):
        with pytest.raises(ValueError, match="too many"):
            _core.assemble(plan, sealed, 0, 1, answers, "r1", "all")
    assert len(assembled(plan, sealed, queries[::-1])) == 1


def test_damaged_query_bytes_are_refused() -> None:
    """Cut short anywhere, the bytes of queries are a ValueError."""
    plan, sealed = plan_of(GROUP), bound([GROUP], DECISIONS[:5])
    queries = sealed.queries("s", 0, 0, 5, 0, EVERY_CUT)
    apply(new_fold(plan), ROWS, queries)
    data = queries.to_bytes()
    for length in range(len(data)):
        with pytest.raises(ValueError):
            _core.Queries.from_bytes(data[:length])


def test_excluded_and_unbound_decisions_are_not_answered() -> None:
    """Neither asked nor assembled; the others are."""
    sealed = _core.Decisions()
    sealed.add(
        [
            json.dumps(one).encode()
            for one in (
                decision(0, 9, (1,)),
                decision(1, 9, (1,)),
                {**decision(2, 9, (1,)), "context_pins": OTHER_PINS},
            )
        ]
    )
    sealed.seal()
    sealed.bind(0, [0])
    sealed.exclude([0])
    plan, queries = plan_of(GROUP), sealed.queries("s", 0, 0, 3, 0, EVERY_CUT)
    apply(new_fold(plan), ROWS[:1], queries)
    assert [verdict.index for verdict in assembled(plan, sealed, [queries], "none")] == [1]
