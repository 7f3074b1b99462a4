"""Runs a world through an engine and keeps all that must be equal."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from ofs.features import Registry
from ofs.ports import EventLog
from ofs.runtime.replay import ReplayOptions
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from tests.property.worlds import World
from topologies.bounded_replay import BoundedReplay


@dataclass(frozen=True)
class Outputs:
    """The bytes of a run."""

    parity: list[bytes]
    snapshots: list[bytes]
    dead_letters: list[bytes]
    certificate: Any
    replay_id: str


def run(
    world: World,
    lines: list[bytes],
    *,
    engine: str,
    batch_size: int = 1000,
    workers: int = 1,
    log: EventLog | None = None,
) -> Outputs:
    """Run the bounded replay topology over the world's log (or another one)."""
    sink = MemorySink()
    report = BoundedReplay(
        log=world.log if log is None else log,
        decisions=MemoryDecisionSource(lines),
        registry=Registry.of(world.groups),
        sink=sink,
        options=ReplayOptions(batch_size=batch_size, workers=workers, max_skew_us=5_000_000, end_wait_us=0),
        engine=engine,
    ).run()
    return Outputs(
        parity=[text for _, text in sink.parity],
        snapshots=[text for _, text in sink.snapshots],
        dead_letters=[text for _, text in sink.dead_letters],
        certificate=sink.certificate,
        replay_id=report.replay_id,
    )


def decision_lines(decisions: list[dict[str, Any]]) -> list[bytes]:
    """One JSON text a decision."""
    return [json.dumps(decision, ensure_ascii=False).encode() for decision in decisions]


def with_hashes(chance: random.Random, world: World, rebuilt: list[bytes]) -> list[bytes]:
    """The world's decisions with the hashes and features that were rebuilt; some wrong, some missing, some twice."""
    by_id = {snap["provenance"]["decision_id"]: snap for snap in map(json.loads, rebuilt)}
    lines: list[bytes] = []
    for decision in world.decisions:
        recorded = dict(decision)
        snapshot = by_id.get(decision["decision_id"])
        if snapshot is not None and chance.random() < 0.9:
            recorded["online_snapshot_hash"] = (
                snapshot["snapshot_hash"] if chance.random() < 0.7 else "0" * 64
            )
        if snapshot is not None and chance.random() < 0.5:
            recorded["online_features"] = (
                snapshot["features"] if chance.random() < 0.7 else {"x": {"g": 1.50}}
            )
        lines.append(json.dumps(recorded, ensure_ascii=chance.random() < 0.5).encode())
    if lines and chance.random() < 0.3:
        lines.append(chance.choice(lines))
    if chance.random() < 0.2:
        lines.insert(
            0, chance.choice((b"", b"[]", b"{", b'{"decision_id": 1}', lines[-1][:-1] + b', "seen": 1}'))
        )
    return lines
