"""Rounds: every contender once, then every one again, so that a change of the machine meets all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tests.bench.measure import Measured

SLOW_EVENTS_A_SECOND: Final = 50_000
"""A peer below this gets one run."""

Run = Callable[[str, int], Measured]
"""Runs a contender, by name, in a round."""


def interleaved(
    names: Sequence[str], rounds: int, repeated: frozenset[str], run: Run
) -> dict[str, list[Measured]]:
    """The runs of every contender. `repeated`: those that run in every round however slow they are."""
    runs: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            if number == 0 or _again(runs[name], is_repeated=name in repeated):
                runs[name].append(run(name, number))
    return runs


def _again(runs: list[Measured], *, is_repeated: bool) -> bool:
    first = runs[0]
    if first.failure is not None:
        return False
    return is_repeated or rate(first) >= SLOW_EVENTS_A_SECOND


def rate(measured: Measured) -> float:
    """Events a second by the program's own clock; 0 where it gave no result."""
    return measured.events / measured.seconds if measured.seconds else 0.0
