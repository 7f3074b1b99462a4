"""Answers tell changes within a stretch of decisions only, so that parts of a long chunk are read apart."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ofs.native import core
from tests.property.harness import decision_lines, run
from tests.property.hot_worlds import make_hot_world

pytestmark = pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
STRETCH = 4_096


@pytest.mark.parametrize("seed", [0, 4])
def test_a_chunk_of_several_stretches_gives_what_short_chunks_give(seed: int) -> None:
    """Cuts that rise, so that answers do build on one another; parts begin within a stretch and at its end."""
    world = make_hot_world(random.Random(seed), events_max=14_000, decisions_max=28_000)
    world.decisions[:] = _rising(world.decisions)
    assert len(world.decisions) > STRETCH
    lines = decision_lines(world.decisions)
    expected = run(world, lines, engine="native", batch_size=64)
    for workers in (1, 2, 3):
        found = run(world, lines, engine="native", batch_size=len(lines), workers=workers)
        assert found.snapshots == expected.snapshots
        assert found.parity == expected.parity


def _rising(decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose cuts do not fall behind those before."""
    kept: list[dict[str, Any]] = []
    before: list[int] = []
    for decision in decisions:
        cuts = [cut["next_offset"] for cut in decision["basis"]]
        if not before or all(now >= then for now, then in zip(cuts, before, strict=True)):
            kept.append(decision)
            before = cuts
    return kept
