"""The native engine gives the bytes of the executable semantics, on whatever the log and the decisions hold."""

from __future__ import annotations

import random
from unittest import mock

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from ofs.native import core
from ofs.runtime import task
from tests.property.harness import decision_lines, run, with_hashes
from tests.property.hot_worlds import make_hot_world
from tests.property.worlds import World, make_world

pytestmark = pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
CHANCE = st.randoms(use_true_random=False)
SEEDS = st.integers(0, 2**48)  # of worlds that take more chance than Hypothesis hands out
WORKERS = st.sampled_from((1, 2, 3))


@given(chance=CHANCE)
def test_native_equals_reference_byte_for_byte(chance: random.Random) -> None:
    """Parity records, snapshots, dead letters, certificate and replay id are those of the reference engine."""
    check(chance, make_world(chance))


@given(seed=SEEDS)
def test_native_equals_reference_on_a_hot_key(seed: int) -> None:
    """So they are where answers build on those before: decisions that follow the log of one hot key."""
    chance = random.Random(seed)
    check(chance, make_hot_world(chance, events_max=chance.choice((60, 300))))


def check(chance: random.Random, world: World) -> None:
    """Run the world, with hashes recorded, through both engines and compare all bytes."""
    rebuilt = run(world, decision_lines(world.decisions), engine="reference").snapshots
    lines = with_hashes(chance, world, rebuilt)
    expected = run(world, lines, engine="reference", batch_size=chance.choice((1, 7, 1000)))
    found = run(world, lines, engine="native", batch_size=chance.choice((1, 7, 1000)))
    note(f"groups: {[group.model_dump_json(exclude_none=True) for group in world.groups]}")
    assert found.snapshots == expected.snapshots
    assert found.parity == expected.parity
    assert found.dead_letters == expected.dead_letters
    assert found.certificate == expected.certificate
    assert found.replay_id == expected.replay_id


@given(chance=CHANCE, workers=WORKERS)
def test_native_outputs_do_not_depend_on_batch_size_or_workers(chance: random.Random, workers: int) -> None:
    """Batch sizes 1, 7 and 1000 and any number of workers give equal bytes, certificate included."""
    check_batches(chance, make_world(chance), workers)


@given(seed=SEEDS, workers=WORKERS)
def test_native_outputs_on_a_hot_key_do_not_depend_on_batch_size_or_workers(seed: int, workers: int) -> None:
    """So it is where a batch's first answers stand alone and others do not."""
    chance = random.Random(seed)
    check_batches(chance, make_hot_world(chance), workers)


def check_batches(chance: random.Random, world: World, workers: int) -> None:
    """Compare the bytes of batch sizes."""
    lines = with_hashes(chance, world, run(world, decision_lines(world.decisions), engine="native").snapshots)
    whole = run(world, lines, engine="native", batch_size=1000)
    for batch_size in (1, 7):
        assert run(world, lines, engine="native", batch_size=batch_size, workers=workers) == whole


@given(seed=SEEDS, is_hot=st.booleans(), scans=st.sampled_from((0, 1, 3)))
def test_outputs_do_not_depend_on_how_often_the_log_is_folded_again(
    seed: int, is_hot: bool, scans: int
) -> None:
    """Cuts behind the frontier are answered there, or by another fold: the bytes are the same, certificate included."""
    chance = random.Random(seed)
    world = make_hot_world(chance) if is_hot else make_world(chance)
    lines = decision_lines(world.decisions)
    chance.shuffle(lines)
    behind = run(world, lines, engine="native", batch_size=7)
    with mock.patch.object(task, "_SCANS_A_RECORD", scans):
        assert run(world, lines, engine="native", batch_size=7, workers=chance.choice((1, 2))) == behind


@given(seed=SEEDS, is_hot=st.booleans(), batch_size=st.sampled_from((1, 2, 7, 1000)))
def test_outputs_do_not_depend_on_what_was_forgotten(seed: int, is_hot: bool, batch_size: int) -> None:
    """What no answer to come can see is dropped at every chance: the bytes are those of an engine that keeps all."""
    chance = random.Random(seed)
    world = make_hot_world(chance) if is_hot else make_world(chance, decisions_max=30)
    known = [one for one in world.decisions if one["as_of_spec"]["as_of_basis"] != "watermark"]
    if chance.random() < 0.7:
        known.sort(key=lambda one: str(one["as_of_spec"]["as_of_time_utc"]))
    lines = decision_lines(known)
    expected = run(world, lines, engine="reference", batch_size=batch_size)
    with mock.patch.object(task, "_FORGETS_AT_ONCE", chance.random() < 0.8):
        assert (
            run(world, lines, engine="native", batch_size=batch_size, workers=chance.choice((1, 2)))
            == expected
        )


@given(chance=CHANCE)
def test_verdicts_do_not_depend_on_the_order_of_decisions(chance: random.Random) -> None:
    """Each decision's snapshot is the same wherever it stands in the batch: cuts behind the frontier included."""
    check_orders(chance, make_world(chance))


@given(seed=SEEDS)
def test_verdicts_on_a_hot_key_do_not_depend_on_the_order_of_decisions(seed: int) -> None:
    """So it is where the answers of one order build on each other and those of the other stand alone."""
    chance = random.Random(seed)
    check_orders(chance, make_hot_world(chance))


def check_orders(chance: random.Random, world: World) -> None:
    """Compare the snapshots of the decisions as they are and shuffled."""
    lines = decision_lines(world.decisions)
    shuffled = list(lines)
    chance.shuffle(shuffled)
    size = chance.choice((2, 1000))
    ordered, other = (run(world, some, engine="native", batch_size=size) for some in (lines, shuffled))
    assert sorted(_without_run(text) for text in ordered.snapshots) == sorted(
        _without_run(text) for text in other.snapshots
    )


def _without_run(snapshot: bytes) -> bytes:
    """The snapshot without the replay id, which names the batch."""
    head, _, tail = snapshot.partition(b'"replay_id":"')
    return head + tail[64:]
