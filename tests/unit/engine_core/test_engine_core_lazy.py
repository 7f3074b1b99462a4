"""A fold over a store: what it asks for, what it takes, and that it never answers without."""

from __future__ import annotations

import pytest

from ofs import _core
from ofs.canonical import jcs
from tests.unit.engine_core.workbench import (
    EVERY_CUT,
    LIFETIME,
    PINS,
    Json,
    Row,
    apply,
    assembled,
    bound,
    decision,
    decoded,
    event,
    feature,
    group,
    new_fold,
    plan_of,
    sliding,
)

GROUP = group(
    feature("n", "count", LIFETIME),
    feature("names", "top_k", LIFETIME, k=3, field="payload.name", type={"kind": "string"}),
)
ROWS = [event(place, 10 + place, card="ABCD"[place % 4], name=f"n{place % 5}") for place in range(40)]
State = dict[bytes, bytes]


def asked(*decisions: Json) -> _core.Queries:
    """Questions of decisions on partition 0."""
    sealed = bound([GROUP], decisions)
    return sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)


def needs(
    fold: _core.Fold, rows: list[Row], queries: _core.Queries, *, first: int = 0, limit: int = EVERY_CUT
) -> tuple[list[bytes], list[bytes]]:
    """One call of `Fold.needs`."""
    return fold.needs(decoded(fold, rows), first, limit, queries)


def scan(state: State, prefix: bytes) -> list[tuple[bytes, bytes]]:
    """Entries under a prefix in byte order."""
    return sorted(entry for entry in state.items() if entry[0].startswith(prefix))


def dropped() -> tuple[_core.Fold, State]:
    """A fold of ROWS that has dropped all it can, and its store."""
    fold = new_fold(plan_of(GROUP))
    apply(fold, ROWS, asked())
    state = dict(fold.drain_state())
    fold.evict(0)
    return fold, state


def opened() -> tuple[_core.Fold, State]:
    """A fold opened over the store of ROWS, and the store."""
    _, state = dropped()
    resident = [entry for prefix in _core.Fold.resident_prefixes() for entry in scan(state, prefix)]
    return _core.Fold.open(plan_of(GROUP), [jcs(PINS)], resident), state


def test_fold_without_a_store_needs_nothing() -> None:
    """A fold that has dropped nothing is not lazy and asks for nothing, also below a limit that it keeps."""
    fold = new_fold(plan_of(GROUP))
    apply(fold, ROWS, asked())
    fold.evict(0)  # nothing is drained
    fold.drain_state()
    fold.evict(fold.resident_bytes())
    assert not fold.is_lazy
    assert needs(fold, ROWS, asked(decision(0, 50, (9,)))) == ([], [])
    assert fold.watermark_prefixes() == []


def test_dropped_entries_are_asked_for_and_new_ones_are_not() -> None:
    """After a drop, ids and keys that were folded are asked for, each once; those never seen are not."""
    fold, state = dropped()
    assert fold.is_lazy
    again = event(40, 60, event_id="e3")
    rows = [again, event(41, 61, card="Z"), Row(42, again.value, 62), Row(43, b"{", 63)]
    queries = asked(decision(0, 50, (9,), cards=("A", "Z")), decision(1, 50, (9,), cards=("A", "C")))
    keys, prefixes = needs(fold, rows, queries)
    assert len(keys) == 1
    assert state[keys[0]][:8] == (3).to_bytes(8, "big")
    assert [len(scan(state, prefix)) for prefix in prefixes] == [1, 1]
    assert [prefix[-1:] for prefix in prefixes] == [b"A", b"C"]


def test_needs_are_those_of_the_call_that_follows() -> None:
    """Records before `first` or at `limit` on are left out, and queries that neither records nor `limit` reach."""
    fold, _ = dropped()
    rows = [event(40 + place, 60, event_id=f"e{place}") for place in range(4)]
    queries = asked(decision(0, 50, (42,), cards=("A",)), decision(1, 50, (43,), cards=("B",)))
    assert [len(found) for found in needs(fold, rows, queries)] == [4, 2]
    assert [len(found) for found in needs(fold, rows, queries, first=1, limit=42)] == [1, 1]
    assert [len(found) for found in needs(fold, rows[:3], queries)] == [3, 2]
    assert [len(found) for found in needs(fold, rows[:2], queries)] == [2, 1]
    assert [len(found) for found in needs(fold, rows[:1], queries)] == [1, 0]
    assert [len(found) for found in needs(fold, [], queries, limit=42)] == [0, 1]
    assert [len(found) for found in needs(fold, [], queries, limit=41)] == [0, 0]


def test_opened_fold_asks_for_all_that_it_has_not_seen() -> None:
    """Over a store anything may be there; what the store did not hold is remembered until the next drop."""
    fold, _ = opened()
    assert fold.is_lazy
    queries = asked(decision(0, 50, (41,), cards=("Z",)))
    rows = [event(40, 60, card="Z"), event(41, 61, card="Z", event_id="e40")]
    keys, prefixes = needs(fold, rows, queries)
    assert (len(keys), len(prefixes)) == (1, 1)
    fold.supply([(keys[0], None)], [(prefixes[0], [])])
    assert needs(fold, rows, queries) == ([], [])
    apply(fold, rows, queries)
    assert queries.answered == 1


def test_fold_that_was_not_supplied_refuses() -> None:
    """Records, queries and watermarks that need the store are refused, and nothing of them is done; then they go on."""
    fold, state = opened()
    queries = asked(decision(0, 50, (40,), cards=("A",)))
    with pytest.raises(ValueError, match="offset 40: whether it is a first copy"):
        apply(fold, [event(40, 60, event_id="e3")], asked())
    with pytest.raises(ValueError, match="the contributions of card A to velocity"):
        fold.advance(40, queries)
    assert (queries.answered, fold.frontier) == (0, 40)
    behind = bound([GROUP], [decision(0, None, (9,), basis="watermark")])
    with pytest.raises(ValueError, match="decision 0: watermark steps"):
        fold.watermarks(behind, 0, 1)
    keys, prefixes = needs(fold, [event(40, 60, event_id="e3")], queries)
    prefixes += fold.watermark_prefixes()
    fold.supply(
        [(key, state.get(key)) for key in keys], [(prefix, scan(state, prefix)) for prefix in prefixes]
    )
    apply(fold, [event(40, 60, event_id="e3")], queries)
    assert queries.answered == 1
    assert fold.watermarks(behind, 0, 1) == [(0, 18)]


def test_watermark_at_the_frontier_needs_no_steps() -> None:
    """The largest event time is kept: a cut at the end needs nothing of the store."""
    for fold, _ in (dropped(), opened()):
        at_end = bound([GROUP], [decision(0, None, (40,), basis="watermark")])
        assert fold.watermarks(at_end, 0, 1) == [(0, 49)]
        assert fold.event_time_us_max() == 49
    assert new_fold(plan_of(GROUP)).event_time_us_max() is None


def test_a_key_goes_on_without_what_the_store_holds() -> None:
    """Contributions are added and drained to a dropped key unseen; a query brings the store's part back."""
    fold, state = dropped()
    rows = [event(40, 60, name="new"), event(41, 12, name="n1")]
    keys, _ = needs(fold, rows, asked())
    assert keys == []
    apply(fold, rows, asked())
    state.update(fold.drain_state())
    queries = asked(decision(0, 70, (42,)))
    _, prefixes = needs(fold, [], queries)
    fold.supply([], [(prefix, scan(state, prefix)) for prefix in prefixes])
    fold.advance(42, queries)
    whole = _core.Fold.restore(plan_of(GROUP), [jcs(PINS)], list(state.items()))
    expected = asked(decision(0, 70, (42,)))
    whole.advance(42, expected)
    assert queries.to_bytes() == expected.to_bytes()


def test_what_is_supplied_must_be_what_was_drained() -> None:
    """Another key, a cut value, an offset at the frontier, an entry too few among steps: the store is damaged."""
    fold, state = opened()
    (prefix,) = needs(fold, [], asked(decision(0, 50, (9,))))[1]
    (key, value), *_ = scan(state, prefix)
    (steps,) = fold.watermark_prefixes()
    first = next(entry for entry in state.items() if entry[0].startswith(b"D"))
    beyond = (40).to_bytes(8, "big") + first[1][8:]
    damaged: list[tuple[list[tuple[bytes, bytes | None]], list[tuple[bytes, list[tuple[bytes, bytes]]]]]] = [
        ([(b"X", None)], []),
        ([(first[0] + b"x", None)], []),
        ([(first[0], first[1][:-1])], []),
        ([(first[0], beyond)], []),
        ([], [(prefix[:-1], [])]),
        ([], [(prefix, [(key, value[:-1])])]),
        ([], [(prefix, [(key + b"x", value)])]),
        ([], [(prefix, [(key, value), (key, value)])]),
        ([], [(steps, [])]),
        ([], [(b"M", [])]),
    ]
    for found, scanned in damaged:
        with pytest.raises(ValueError, match="supplied under"):
            fold.supply(found, scanned)


def test_open_takes_whole_resident_entries_only() -> None:
    """Without one of the resident entries, or with another beside them, nothing is opened."""
    _, state = dropped()
    plan, scopes = plan_of(GROUP), [jcs(PINS)]
    resident = [entry for prefix in _core.Fold.resident_prefixes() for entry in scan(state, prefix)]
    for place in range(len(resident)):
        with pytest.raises(ValueError, match="damaged"):
            _core.Fold.open(plan, scopes, resident[:place] + resident[place + 1 :])
    with pytest.raises(ValueError, match="not of the resident prefixes"):
        _core.Fold.open(plan, scopes, list(state.items()))
    with pytest.raises(ValueError, match="another set of scopes"):
        _core.Fold.open(plan, [*scopes, b"{}"], resident)


def test_damage_never_ends_in_a_panic() -> None:
    """With any byte of any entry changed, a fold refuses the state or goes on; it never raises anything else."""
    _, state = dropped()
    plan, scopes = plan_of(GROUP), [jcs(PINS)]
    again = event(40, 60, event_id="e3")
    refused = 0
    for key, value in state.items():
        for place in range(0, len(value), 3):
            changed = value[:place] + bytes([value[place] ^ (0x80 >> place % 8)]) + value[place + 1 :]
            try:
                go_on(plan, scopes, {**state, key: changed}, again)
            except ValueError:
                refused += 1
    assert refused > 100


def go_on(plan: _core.Plan, scopes: list[bytes], state: State, row: Row) -> None:
    """Open a fold over a store, fold one record with a query, drop everything, drain."""
    resident = [entry for prefix in _core.Fold.resident_prefixes() for entry in scan(state, prefix)]
    fold = _core.Fold.open(plan, scopes, resident)
    queries = asked(decision(0, 50, (41,)))
    keys, prefixes = needs(fold, [row], queries)
    prefixes += fold.watermark_prefixes()
    fold.supply(
        [(key, state.get(key)) for key in keys], [(prefix, scan(state, prefix)) for prefix in prefixes]
    )
    apply(fold, [row], queries)
    fold.certificate()
    fold.drain_state()
    fold.evict(0)


def test_what_is_resident_grows_with_keys_and_falls_with_drops() -> None:
    """The bytes follow what is held; least recently used keys go first, and an eighth below the limit is left."""
    fold = new_fold(plan_of(GROUP))
    state: State = {}
    empty = fold.resident_bytes()
    for place in range(64):
        rows = [event(place * 32 + at, 10, card=f"c{place}", name=f"{place}-{at}") for at in range(32)]
        apply(fold, rows, asked())
        state.update(fold.drain_state())
    full = fold.resident_bytes()
    assert full - empty > 64 * 32 * (24 + 8 + 40)
    fold.evict(full // 2)
    assert full // 4 < fold.resident_bytes() <= full // 2 - full // 16
    cards = [f"c{place}" for place in range(64)]
    _, prefixes = needs(fold, [], asked(decision(0, 50, (9,), cards=cards)))
    assert {prefix.rpartition(b"c")[2] for prefix in prefixes} == {
        str(n).encode() for n in range(len(prefixes))
    }
    fold.evict(0)
    assert fold.resident_bytes() < empty + 12_000  # filters of what was dropped


def test_record_digests_are_drained_once() -> None:
    """A drain after each record writes its digest alone, and one slot serves a later block again."""
    fold, state = new_fold(plan_of(GROUP)), State()
    for place in range(10):
        apply(fold, [event(4_090 + place, 10)], asked())
        drained = dict(fold.drain_state())
        assert sum(len(value) for key, value in drained.items() if key.startswith(b"R")) == 8 + 32
        state.update(drained)
    assert len(scan(state, b"R")) == 6
    again = _core.Fold.restore(plan_of(GROUP), [jcs(PINS)], list(state.items()))
    assert again.certificate() == fold.certificate()


def test_an_answer_that_was_not_given_is_built_on_by_none() -> None:
    """Where a decision's second key is missing, what was told of its first one is told again after the supply."""
    rows = [event(place, 10 + place, card="AB"[place % 40 == 7], name=f"n{place % 9}") for place in range(90)]
    questions = [decision(place, 30 + place, (place,), cards=("A",)) for place in range(40, 89)]
    questions.append(decision(89, 130, (89,), cards=("A", "B")))
    questions.append(decision(90, 131, (90,), cards=("A", "B")))
    plain, fold = new_fold(plan_of(GROUP)), new_fold(plan_of(GROUP))
    sealed = bound([GROUP], questions)
    answers = [sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT) for _ in range(2)]
    apply(plain, rows, answers[0])
    apply(fold, rows[:50], asked())
    state = dict(fold.drain_state())
    fold.evict(0)
    _, prefixes = needs(fold, [], asked(decision(0, 70, (50,), cards=("A",))), limit=50)
    fold.supply([], [(prefix, scan(state, prefix)) for prefix in prefixes])
    with pytest.raises(ValueError, match="not supplied"):
        apply(fold, rows[50:], answers[1])
    found = fold.needs(None, 0, fold.frontier, answers[1])
    fold.supply([], [(prefix, scan(state, prefix)) for prefix in found[1]])
    apply(fold, rows[fold.frontier :], answers[1])
    some = [assembled(plan_of(GROUP), sealed, [one]) for one in answers]
    assert [verdict.snapshot for verdict in some[1]] == [verdict.snapshot for verdict in some[0]]


def test_horizons_are_those_of_groups_that_do_not_see_all() -> None:
    """A group with finite windows sees from its earliest start on; what the smallest as-of does not see is refused."""
    short = group(feature("n", "count", sliding(20)), feature("m", "count", sliding(5)))
    fold = new_fold(plan_of(short))
    ((steps, contributions, time_us),) = fold.horizons(60)
    assert (steps[:1], contributions[:1], time_us) == (b"W", b"C", 40)
    assert [time_us for _, _, time_us in fold.horizons(50)] == [40]  # it never falls
    assert new_fold(plan_of(GROUP)).horizons(60) == []
    early = bound([short], [decision(0, 59, (0,))])
    with pytest.raises(ValueError, match="as-of 59 lies before 60"):
        fold.advance(0, early.queries("s", 0, 0, 1, 0, EVERY_CUT))


def test_an_entry_of_steps_tells_its_first_time() -> None:
    """Half an entry is damaged."""
    _, state = dropped()
    (value,) = (value for key, value in state.items() if key.startswith(b"W"))
    assert _core.Fold.first_step_us(value) == 10
    with pytest.raises(ValueError, match="an entry of steps is damaged"):
        _core.Fold.first_step_us(value[:1])
