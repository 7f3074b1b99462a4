"""What a seed stands for: a world with its decisions, the cluster that holds it, and what will go wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ofs.features import Registry
from ofs.planner.basis import OffsetBasis
from ofs.ports import EventLog
from ofs.runtime.replay import ReplayOptions
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange
from tests.property.harness import decision_lines, with_hashes
from tests.property.worlds import World, make_decision, make_world
from tests.simulation.gate import CALLS, Change, Fault
from tests.simulation.model_log import Cluster, ModelPartition, ModelTopic
from tests.simulation.outputs import Outputs
from topologies.bounded_replay import BoundedReplay

# a process that dies here has records in hand that are not committed
_MID_CHUNK: Final = ("sink.put", "sink.end_chunk", "broker.commit")


@dataclass(frozen=True)
class Scenario:
    """All that a seed decides before the first launch, but for the faults of each launch."""

    seed: int
    world: World
    lines: list[bytes]
    cluster: Cluster
    basis: OffsetBasis | None
    place: str
    state: str
    max_skew_us: int


def make_scenario(seed: int, chance: random.Random) -> Scenario:
    """Draw one. RocksDB holds the state on every tenth seed, a real folder the outputs on every fourth.

    A checkpoint reaches further back than a start bound in time; both give one answer where log timestamps are as the
    bound assumes them, so worlds with state are like that.
    """
    state = "folder" if seed % 10 == 0 else chance.choice(("memory", "memory", "none"))
    world = make_world(
        chance,
        events_max=chance.choice((12, 40, 80)),
        decisions_max=1,
        in_log_order=state != "none" or chance.random() < 0.5,
        is_bounded=chance.random() < 0.6,
    )
    _retry_producers(chance, world)
    world.decisions = [make_decision(chance, world, number) for number in range(chance.randint(1, 14))]
    max_skew_us = 5_000_000 if state != "none" else chance.choice((5_000_000, 500_000, 0))
    rebuilt = undisturbed(
        world.log, world, decision_lines(world.decisions), None, max_skew_us, engine="auto"
    ).snapshots
    lines = with_hashes(chance, world, rebuilt)
    place = "folder" if seed % 4 == 0 else chance.choice(("memory", "topics"))
    cluster, basis = _cluster(chance, world), _basis(chance, world)
    return Scenario(seed, world, lines, cluster, basis, place, state, max_skew_us)


def _retry_producers(chance: random.Random, world: World) -> None:
    """A producer that heard nothing sends again: the same bytes at a later offset."""
    for stream, partitions in world.streams.items():
        for partition in range(partitions):
            records = [record for _, record in _records(world.log, stream, partition)]
            while records and chance.random() < 0.3:
                copied = chance.choice(records)
                late_us = max(record.log_ts_us for record in records)
                world.log.append(stream, partition, replace(copied, offset=None, log_ts_us=late_us))


def _records(log: MemoryLog, stream: str, partition: int) -> list[tuple[int, Record]]:
    info = log.describe(stream)
    end = 0 if info is None else info.partitions[partition].end
    found = []
    for batch in log.read(stream, partition, OffsetRange(0, end), 1_000_000):
        headers = batch.headers or [[] for _ in batch.offsets]
        rows = zip(batch.offsets, batch.values, batch.keys, batch.log_ts_us, headers, strict=True)
        found += [
            (offset, Record(value, key, log_ts_us, headers=tuple(header)))
            for offset, value, key, log_ts_us, header in rows
        ]
    return found


def _cluster(chance: random.Random, world: World) -> Cluster:
    """The world's log on brokers; the newest records may still be in an open transaction."""
    topics = {}
    for stream, partitions in world.streams.items():
        info = world.log.describe(stream)
        if info is None:
            raise RuntimeError("a stream of the world is not in its log")
        parts = []
        for number in range(partitions):
            end = info.partitions[number].end
            part = ModelPartition(end=end, stable=end, cut_max=_cut_max(world, stream, number))
            for offset, record in _records(world.log, stream, number):
                part.append(offset, record)
            part.end = end
            if part.offsets and chance.random() < 0.2:
                part.stable = chance.choice(part.offsets[-5:])
            parts.append(part)
        topics[stream] = ModelTopic(info.log_id, info.log_append, parts)
    return Cluster(topics)


def _cut_max(world: World, stream: str, partition: int) -> int:
    cuts = [
        entry["next_offset"]
        for decision in world.decisions
        for entry in decision["basis"]
        if (entry["stream"], entry["partition"]) == (stream, partition)
    ]
    return max(cuts, default=0)


def _basis(chance: random.Random, world: World) -> OffsetBasis | None:
    if chance.random() > 0.1:
        return None
    ranges: dict[str, dict[int, OffsetRange]] = {}
    for stream, partitions in world.streams.items():
        ranges[stream] = {
            number: OffsetRange(chance.choice((0, 0, 3)), chance.choice((1000, 1000, 20)))
            for number in range(partitions)
        }
    return OffsetBasis(ranges)


def undisturbed(
    log: EventLog,
    world: World,
    lines: list[bytes],
    basis: OffsetBasis | None,
    max_skew_us: int,
    *,
    engine: str = "reference",
) -> Outputs:
    """What the executable semantics, or another engine, answer on a log that nothing disturbs."""
    sink = MemorySink()
    BoundedReplay(
        log=log,
        decisions=MemoryDecisionSource(lines),
        registry=Registry.of(world.groups),
        sink=sink,
        options=ReplayOptions(max_skew_us=max_skew_us, end_wait_us=0),
        engine=engine,
        basis=basis,
    ).run()
    return Outputs.of((sink.parity, sink.snapshots, sink.dead_letters), sink.run, sink.certificate)


def draw_faults(chance: random.Random, place: str) -> list[Fault]:
    """Up to two errors and, mostly, one crash: at a call of a drawn kind, near the first ones or further on."""
    calls = [call for call in CALLS if place == "topics" or not call.startswith("broker.")]
    faults = [_fault(chance, calls, is_crash=False) for _ in range(chance.choice((0, 0, 1, 2)))]
    if chance.random() < 0.8:
        is_mid_chunk = place == "topics" and chance.random() < 0.5
        faults.append(_fault(chance, list(_MID_CHUNK) if is_mid_chunk else calls, is_crash=True))
    return faults


def _fault(chance: random.Random, calls: list[str], *, is_crash: bool) -> Fault:
    nth = 1 + int(chance.expovariate(1) * chance.choice((0.3, 3, 10)))
    return Fault(chance.choice(calls), nth, is_crash, chance.random() < 0.5)


def draw_changes(chance: random.Random, cluster: Cluster) -> list[Change]:
    """What happens to the log meanwhile: much that harms nobody, and now and then something that does."""
    return [_change(chance, cluster) for _ in range(chance.choice((0, 0, 1, 2, 4)))]


def _change(chance: random.Random, cluster: Cluster) -> Change:
    stream = chance.choice(sorted(cluster.topics))
    number = chance.randrange(len(cluster.topics[stream].partitions))
    part = cluster.topics[stream].partitions[number]
    low, tail = chance.randint(0, part.end), chance.randint(part.cut_max, max(part.cut_max, part.end))
    lost, commits = chance.randint(0, part.end), chance.random() < 0.7
    refills = chance.random() < 0.5
    kinds: dict[str, tuple[int, Callable[[], str]]] = {
        "append": (6, lambda: cluster.append(stream, number, _late_record(number))),
        "transaction": (6, lambda: cluster.close_transaction(stream, number, commits=commits)),
        "partition": (2, lambda: cluster.add_partition(stream)),
        "tail": (2, lambda: cluster.lose_tail(stream, number, tail)),
        "retention": (5, lambda: cluster.remove_below(stream, number, low)),
        "loss": (1, lambda: cluster.lose_tail(stream, number, lost)),
        "compaction": (1, lambda: cluster.compact(stream)),
        "recreation": (1, lambda: cluster.recreate(stream, refills=refills)),
    }
    name = chance.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
    return Change(1 + int(chance.expovariate(1) * chance.choice((3, 20, 60))), name, kinds[name][1])


def _late_record(number: int) -> Record:
    """Logged long after every decision of the world."""
    return Record(json.dumps({"late": number}).encode(), log_ts_us=4_000_000_000_000_000)
