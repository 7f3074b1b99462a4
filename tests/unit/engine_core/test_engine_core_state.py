"""State handed out in entries and taken back: a restored fold goes on as if it had never stopped."""

from __future__ import annotations

import pytest

from ofs import _core
from ofs.canonical import jcs
from tests.unit.engine_core.workbench import (
    EVERY_CUT,
    LIFETIME,
    OTHER_PINS,
    PINS,
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

GROUPS = [
    group(
        feature("n", "count", sliding(15)),
        feature("spread", "stddev", LIFETIME, scale=3),
        feature("names", "top_k", LIFETIME, k=3, field="payload.name", type={"kind": "string"}),
        late={"policy": "drop", "allowed_lateness_us": 20},
    ),
    group(
        feature("flags", "last_k", LIFETIME, k=9, field="payload.flag", type={"kind": "bool"}), name="other"
    ),
]
NAMES = ("", "é", "x", None)
ROWS = [
    event(
        place * 5 // 4,
        10 + (place * 7) % 40,
        (place * 5) % 8 - 3,
        card="AB"[place % 3 == 0],
        event_id=f"e{place % 25}",
        name=NAMES[place % 4],
        flag=(True, False, None, 3)[place % 4],
        pins=OTHER_PINS if place % 10 == 3 else PINS,
    )
    for place in range(60)
]
ROWS[7] = Row(ROWS[7].offset, b"{", 0)
DECISIONS = [
    decision(number, 12 + number % 45, (number * 11 % 77,), cards=("A", "B"), groups=("other", "velocity"))
    for number in range(80)
]
SCOPES = [jcs(PINS), jcs(OTHER_PINS)]
State = dict[bytes, bytes]


def folded(plan: _core.Plan, *, every: int, restored: bool) -> tuple[list[bytes | None], bytes, State]:
    """Snapshots, certificate and state of the whole log; drained every so many rows, and restored there or not."""
    sealed = bound(GROUPS, DECISIONS)
    queries = sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)
    fold, state = _core.Fold(plan, SCOPES, "s", 0, 0, 5), State()
    for at in range(0, len(ROWS), every):
        apply(fold, ROWS[at : at + every], queries)
        state.update(fold.drain_state())
        if restored:
            fold = _core.Fold.restore(plan, SCOPES[::-1], list(reversed(state.items())))
    fold.advance(100, queries)
    state.update(fold.drain_state())
    found = assembled(plan, sealed, [queries])
    return [verdict.snapshot for verdict in found], fold.certificate(), state


@pytest.mark.parametrize("every", [1, 7, 60])
def test_restored_fold_goes_on_as_if_it_had_not_stopped(every: int) -> None:
    """Snapshots, certificate and all later entries are equal, wherever the fold was restored."""
    plan = plan_of(*GROUPS)
    straight = folded(plan, every=every, restored=False)
    assert folded(plan, every=every, restored=True) == straight
    assert straight[:2] == folded(plan, every=60, restored=False)[:2]


def test_restored_fold_answers_cuts_behind_its_frontier() -> None:
    """All history is in the state: a restored fold answers every cut as the first pass did."""
    plan = plan_of(*GROUPS)
    snapshots, _, state = folded(plan, every=9, restored=False)
    sealed = bound(GROUPS, DECISIONS)
    queries = sealed.queries("s", 0, 0, len(sealed), 0, EVERY_CUT)
    fold = _core.Fold.restore(plan, SCOPES, list(state.items()))
    fold.advance(fold.frontier, queries)
    found = assembled(plan, sealed, [queries])
    assert [verdict.snapshot for verdict in found] == snapshots


def test_definitions_may_stand_in_another_order() -> None:
    """State is keyed by the digests of groups and pins, not by their position."""
    plan = plan_of(*GROUPS)
    _, certificate, state = folded(plan, every=9, restored=False)
    turned = _core.Fold.restore(plan_of(*GROUPS[::-1]), SCOPES[::-1], list(state.items()))
    assert turned.certificate() == certificate


def test_drain_hands_out_only_what_is_new() -> None:
    """After a drain, a batch of one event gives its id, its key's segment, its steps, its record's digest and the
    meta entry; none, one."""
    fold, none = new_fold(plan_of(GROUPS[0])), bound([], []).queries("s", 0, 0, 0, 0, 1)
    apply(fold, [event(0, 5, name="x"), event(1, 6, name="x")], none)
    first = fold.drain_state()
    assert sorted(key[:1] for key, _ in first) == [b"C", b"D", b"D", b"I", b"M", b"R", b"W"]
    apply(fold, [event(2, 7, name="x")], none)
    assert sorted(key[:1] for key, _ in fold.drain_state()) == [b"C", b"D", b"M", b"R", b"W"]
    apply(fold, [event(3, 6, event_id="e0")], none)
    assert sorted(key[:1] for key, _ in fold.drain_state()) == [b"L", b"M", b"R"]
    fold.advance(5_000, none)
    apply(fold, [event(5_000, 1, card=None)], none)
    assert sorted(key[:1] for key, _ in fold.drain_state()) == [b"B", b"D", b"L", b"L", b"M", b"R"]
    assert [key for key, _ in fold.drain_state()] == [b"M"]


def test_state_of_other_definitions_or_pins_is_refused() -> None:
    """Another plan, other scopes or another format is named, not reinterpreted."""
    plan = plan_of(*GROUPS)
    _, _, state = folded(plan, every=60, restored=False)
    entries = list(state.items())
    with pytest.raises(ValueError, match="another plan"):
        _core.Fold.restore(plan_of(GROUPS[0]), SCOPES, entries)
    with pytest.raises(ValueError, match="another set of scopes"):
        _core.Fold.restore(plan, SCOPES[:1], entries)
    identity = state[b"I"].replace(_core.ENGINE_FORMAT.encode(), b"ofs-state/v0")
    with pytest.raises(ValueError, match="another format"):
        _core.Fold.restore(plan, SCOPES, list({**state, b"I": identity}.items()))


def test_lost_or_damaged_entry_is_found() -> None:
    """Without any one entry, or with one cut short, there is no fold."""
    plan = plan_of(*GROUPS)
    _, _, state = folded(plan, every=13, restored=False)
    for key, value in state.items():
        with pytest.raises(ValueError, match="damaged"):
            _core.Fold.restore(plan, SCOPES, [entry for entry in state.items() if entry[0] != key])
        with pytest.raises(ValueError):
            _core.Fold.restore(plan, SCOPES, list({**state, key: value[:-1]}.items()))
