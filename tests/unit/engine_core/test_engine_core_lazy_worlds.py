"""A fold whose store holds what it dropped answers as one that holds everything, on random worlds."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ofs import _core
from ofs.features import definition_bytes, definition_digest
from ofs.ports import RecordBatch
from ofs.runtime.horizon import Horizon
from ofs.state.memory import MemoryStateStore
from ofs.units import INT64_MIN, OffsetRange
from tests.property.harness import decision_lines
from tests.property.hot_worlds import make_hot_world
from tests.property.worlds import World, make_group, make_world
from tests.unit.engine_core.workbench import EVERY_CUT, assembled

CHANCE = st.randoms(use_true_random=False)


@dataclass
class Driven:
    """A fold of one partition with its store: a dict. Plain where `chance` is None, else it drops and is opened."""

    plan: _core.Plan
    scopes: list[bytes]
    fold: _core.Fold
    chance: random.Random | None = None
    store: dict[bytes, bytes] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    as_of_min_us: int = INT64_MIN
    shelf: MemoryStateStore = field(default_factory=MemoryStateStore)

    def __post_init__(self) -> None:
        self.horizon = Horizon(self.shelf, self.fold)

    def narrow(self) -> None:
        """Where there is chance, tell what the decisions do not see; it need not be told."""
        if self.chance is not None and self.chance.random() < 0.7:
            self.horizon.narrow(self.as_of_min_us)

    def apply(self, batch: RecordBatch, first: int, limit: int, queries: _core.Queries) -> int:
        """One batch, and what a caller does around it."""
        records = self.fold.decoder().decode(
            batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers
        )
        self.narrow()
        self.supply(*self.fold.needs(records, first, limit, queries))
        end = self.fold.apply(records, first, limit, queries)
        self.settle()
        return end

    def advance(self, to: int, queries: _core.Queries) -> None:
        """Move the frontier and answer cuts behind it."""
        self.narrow()
        self.supply(*self.fold.needs(None, 0, to, queries))
        self.fold.advance(to, queries)
        self.settle()

    def watermarks(self, decisions: _core.Decisions) -> list[tuple[int, int | None]]:
        """All watermarks at once."""
        prefixes = self.fold.watermark_prefixes()
        self.seen["watermark prefixes"] += len(prefixes)
        self.supply([], prefixes)
        return self.fold.watermarks(decisions, 0, len(decisions))

    def supply(self, keys: list[bytes], prefixes: list[bytes]) -> None:
        """Answer what the fold asked for."""
        assert self.fold.is_lazy or not (keys or prefixes)
        assert len(set(keys)) == len(keys)
        assert len(set(prefixes)) == len(prefixes)
        self.seen["keys"] += len(keys)
        self.seen["prefixes"] += len(prefixes)
        found = [(key, self.store.get(key)) for key in keys]
        scanned = self.shelf.scan_many(prefixes, self.horizon.firsts(prefixes))
        self.seen["entries left"] += sum(map(len, self.shelf.scan_many(prefixes))) - sum(map(len, scanned))
        self.fold.supply(found, list(zip(prefixes, scanned, strict=True)))

    def settle(self) -> None:
        """Drain; where there is chance, drop up to a random limit or begin anew over the store."""
        drained = self.fold.drain_state()
        self.store.update(drained)
        self.shelf.write(drained)
        if self.chance is None:
            return
        if self.chance.random() < 0.1:
            resident = [
                entry for prefix in _core.Fold.resident_prefixes() for entry in self.shelf.scan(prefix)
            ]
            self.fold = _core.Fold.open(self.plan, self.scopes[::-1], resident)
            self.horizon = Horizon(self.shelf, self.fold)
            self.seen["opened"] += 1
        if self.chance.random() < 0.7:
            resident_bytes = self.fold.resident_bytes()
            limit = self.chance.choice((0, resident_bytes // 2, resident_bytes * 9 // 10, resident_bytes))
            self.fold.evict(limit)
            assert self.fold.resident_bytes() <= resident_bytes + 2048  # filters begin small
            self.seen["evicted"] += self.fold.resident_bytes() < resident_bytes


def folds(
    world: World, plan: _core.Plan, scopes: list[bytes], stream: str, partition: int, chance: random.Random
) -> tuple[Driven, Driven]:
    """The plain fold and the one that drops."""
    make = [_core.Fold(plan, scopes, stream, partition, 0, 5_000_000) for _ in range(2)]
    lazy = Driven(plan, scopes, make[1], chance, as_of_min_us=sealed_decisions(world).as_of_min(0))
    return Driven(plan, scopes, make[0]), lazy


def sealed_decisions(world: World) -> _core.Decisions:
    """The world's decisions, bound to its groups."""
    decisions = _core.Decisions()
    decisions.add(decision_lines(world.decisions))
    decisions.seal()
    names = [group.name for group in world.groups]
    for place, shape in enumerate(decisions.shapes()):
        decisions.bind(place, [names.index(name) for name, _, _ in shape.groups])
    return decisions


def run_both(chance: random.Random, world: World) -> Counter[str]:
    """Drive both folds over every partition and compare all that they say. Returns what was exercised."""
    definitions = [definition_bytes(group) for group in world.groups]
    plan = _core.Plan(definitions, [definition_digest(group) for group in world.groups])
    decisions = sealed_decisions(world)
    scopes = decisions.pins()
    pairs: list[tuple[Driven, Driven]] = []
    answers: list[list[_core.Queries]] = []
    for stream, partitions in world.streams.items():
        for partition in range(partitions):
            pair = folds(world, plan, scopes, stream, partition, chance)
            asked = [decisions.queries(stream, partition, 0, len(decisions), 0, EVERY_CUT) for _ in pair]
            info = world.log.describe(stream)
            assert info is not None
            span = OffsetRange(0, info.partitions[partition].end)
            for batch in world.log.read(stream, partition, span, chance.choice((1, 3, 8, 1000))):
                first, ends = 0, [chance.choice(batch.offsets), EVERY_CUT]
                for limit in ends:
                    moved = [
                        one.apply(batch, first, limit, some) for one, some in zip(pair, asked, strict=True)
                    ]
                    first = bisect_left(batch.offsets, limit)
                    assert moved == [first, first]
                assert pair[1].fold.certificate() == pair[0].fold.certificate()
            for one, some in zip(pair, asked, strict=True):
                one.advance(span.end, some)
            pairs.append(pair)
            answers.append(asked)
    assert verdicts(plan, decisions, answers, 1) == verdicts(plan, decisions, answers, 0)
    compare_behind(decisions, pairs, list(world.streams.items()))
    return sum((pair[1].seen for pair in pairs), Counter())


def compare_behind(
    decisions: _core.Decisions, pairs: list[tuple[Driven, Driven]], streams: list[tuple[str, int]]
) -> None:
    """At the frontier: watermarks, answers to all cuts behind it (derived as-ofs too), certificates, states."""
    derived: dict[int, int] = {}
    for plain, lazy in pairs:
        watermarks = plain.watermarks(decisions)
        assert lazy.watermarks(decisions) == watermarks
        for index, watermark_us in watermarks:
            if watermark_us is not None:
                derived[index] = min(derived.get(index, watermark_us), watermark_us)
    for index, as_of_us in derived.items():
        decisions.set_as_of(index, as_of_us)
    places = [(stream, partition) for stream, partitions in streams for partition in range(partitions)]
    answers: list[list[_core.Queries]] = []
    for (stream, partition), pair in zip(places, pairs, strict=True):
        asked = [decisions.queries(stream, partition, 0, len(decisions), 0, EVERY_CUT) for _ in pair]
        for one, some in zip(pair, asked, strict=True):
            one.advance(one.fold.frontier, some)
            assert some.answered == len(some)
        answers.append(asked)
        assert pair[1].fold.certificate() == pair[0].fold.certificate()
        assert pair[1].store == pair[0].store
    plan = pairs[0][0].plan
    assert verdicts(plan, decisions, answers, 1) == verdicts(plan, decisions, answers, 0)


def verdicts(
    plan: _core.Plan, decisions: _core.Decisions, answers: list[list[_core.Queries]], which: int
) -> list[tuple[int, str, bytes | None]]:
    """What comes of the answers of one of the folds, which go through their encoding.

    Their bytes may differ: a log that was dropped tells all again.
    """
    some = [_core.Queries.from_bytes(asked[which].to_bytes()) for asked in answers]
    found = assembled(plan, decisions, some)
    return [(verdict.index, verdict.status, verdict.snapshot) for verdict in found]


@given(chance=CHANCE)
def test_dropped_and_opened_folds_give_the_bytes_of_a_whole_one(chance: random.Random) -> None:
    """Answers, watermarks, certificates and stores are equal, whatever is dropped and wherever the fold is opened."""
    run_both(chance, make_world(chance, events_max=120))


@given(seed=st.integers(0, 2**48))
def test_dropped_and_opened_folds_of_a_hot_key_give_the_verdicts_of_a_whole_one(seed: int) -> None:
    """So it is where answers build on those before, of which a log that was dropped knows nothing."""
    chance = random.Random(seed)
    run_both(chance, make_hot_world(chance))


def make_long_world(chance: random.Random) -> World:
    """Windows far shorter than the log, and decisions near its end: most contributions are seen no more."""
    world = make_hot_world(chance)
    sizes = ("100ms", "1s", "3s", "10s")

    def window(chance: random.Random) -> Any:
        size = chance.choice(sizes)
        kinds = (size, {"tumbling": size, "back": 1}, {"hopping": size, "every": "100ms"})
        return chance.choice((*kinds, {"session": "100ms", "max": size}))

    groups = [make_group(chance, group.name, window=window) for group in world.groups]
    given = [decision for decision in world.decisions if decision["as_of_spec"]["as_of_basis"] != "watermark"]
    given.sort(key=lambda decision: str(decision["as_of_spec"]["as_of_time_utc"]))
    return World(world.log, groups, given[-chance.randint(1, 8) :], world.streams)


@given(seed=st.integers(0, 2**48))
def test_what_no_answer_sees_need_not_be_supplied(seed: int) -> None:
    """Folds that are given only what windows at the smallest as-of see give the verdicts of a whole one."""
    chance = random.Random(seed)
    run_both(chance, make_long_world(chance))


def test_long_worlds_leave_entries_in_the_store() -> None:
    """The property above is not empty."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        chance = random.Random(seed)
        seen += run_both(chance, make_long_world(chance))
    assert seen["entries left"] > 300


def test_worlds_exercise_what_is_dropped() -> None:
    """The property above is not empty: folds drop, are opened, and ask for each kind of entry."""
    seen: Counter[str] = Counter()
    for seed in range(30):
        chance = random.Random(seed)
        seen += run_both(chance, make_world(chance, events_max=120))
    assert seen["evicted"] > 200
    assert seen["opened"] > 30
    assert seen["keys"] > 200
    assert seen["prefixes"] > 100
    assert seen["watermark prefixes"] > 10
