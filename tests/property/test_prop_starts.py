"""Where a replay starts never shows in its answers: bounds in time, and history that retention has removed."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ofs.native import core
from ofs.ports import EventLog, RecordBatch, StreamInfo
from ofs.units import OffsetRange
from tests.property.harness import decision_lines, run
from tests.property.worlds import World, make_world

CHANCE = st.randoms(use_true_random=False)
ENGINE = "reference" if core is None else "native"


class FromOrigin:
    """A log that knows no times, so that every run starts at its beginning."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def describe(self, stream: str) -> StreamInfo | None:
        return self._log.describe(stream)

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        return self._log.read(stream, partition, span, max_records)

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        return 0

    def close(self) -> None:
        self._log.close()


def _snapshots(world: World, log: EventLog | None = None) -> dict[str, Any]:
    """Snapshot hash by decision."""
    found = run(world, decision_lines(world.decisions), engine=ENGINE, log=log).snapshots
    return {s["provenance"]["decision_id"]: s["snapshot_hash"] for s in map(json.loads, found)}


@given(chance=CHANCE)
def test_bounded_start_gives_the_answers_of_the_origin(chance: random.Random) -> None:
    """A start bound in time, proven or voided on the way, answers as a replay of the whole log does."""
    world = make_world(chance, in_log_order=True, is_bounded=True)
    assert _snapshots(world) == _snapshots(world, FromOrigin(world.log))


@given(chance=CHANCE)
def test_truncated_history_gives_the_same_answer_or_none(chance: random.Random) -> None:
    """After retention a decision is answered as before, or it is UNCHECKABLE; never answered otherwise."""
    world = make_world(chance, in_log_order=True, is_bounded=chance.random() < 0.7)
    whole = _snapshots(world)
    for stream, partitions in world.streams.items():
        for partition in range(partitions):
            info = world.log.describe(stream)
            end = 0 if info is None else info.partitions[partition].end
            world.log.delete_records(stream, partition, chance.randint(0, end))
    left = _snapshots(world)
    assert left.items() <= whole.items()


def test_worlds_exercise_bounds_and_truncation() -> None:
    """The properties above are not empty: starts are bound in time, decisions are kept and lost."""
    bound = 0
    reasons: Counter[str] = Counter()
    for seed in range(60):
        chance = random.Random(seed)
        world = make_world(chance, in_log_order=True, is_bounded=True, events_max=200)
        partitions = run(world, decision_lines(world.decisions), engine=ENGINE).certificate["partitions"]
        bound += sum(
            partition["start_from"] == "bound" and partition["records"] > 0 for partition in partitions
        )
        world.log.delete_records("cards", 0, chance.randint(0, 30))
        for text in run(world, decision_lines(world.decisions), engine=ENGINE).parity:
            reasons[json.loads(text)["reason"]] += 1
    assert bound > 5
    assert reasons["HISTORY_TRUNCATED"] > 20
    assert reasons["ONLINE_HASH_MISSING"] > 20
