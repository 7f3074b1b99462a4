"""One group, one key, a few records and one decision: the smallest whole replay, by the semantics or by an engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ofs.canonical import DEFAULT_HASH_RULE, jcs, sha256_hex
from ofs.features import FeatureGroup, Registry, canonical_definition, definition_digest, read_definition
from ofs.runtime.replay import ReplayOptions
from ofs.semantics import Group, PartitionHistory, Question, identity
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import MemoryLog, Record
from ofs.units import format_timestamp_us
from tests.golden.admission_cases import PINS
from topologies.bounded_replay import BoundedReplay

STREAM: Final = "events"
KEY: Final = ("account_id", "K")


@dataclass(frozen=True)
class Scene:
    """`records`: (partition, offset, log timestamp, value); the cut is behind the last of each partition."""

    definition: str
    as_of_us: int
    records: Sequence[tuple[int, int, int, str]]
    keys: Sequence[tuple[str, str]] = (KEY,)
    as_of_basis: str = "event_time"

    @property
    def group(self) -> FeatureGroup:
        return read_definition(self.definition.encode(), "vector.yaml")

    @property
    def cut(self) -> dict[tuple[str, int], int]:
        """Next offset by partition, 0 to the last that has a record."""
        last = max((partition for partition, *_ in self.records), default=0)
        cut = dict.fromkeys(((STREAM, partition) for partition in range(last + 1)), 0)
        for partition, offset, *_ in self.records:
            cut[STREAM, partition] = max(cut[STREAM, partition], offset + 1)
        return cut


def definition(features: str, rest: str = "") -> str:
    """YAML of a group over `payload`, a feature a line."""
    lines = "\n".join(f"  - {{{line.strip()}}}" for line in features.strip().splitlines())
    return (
        "feature_group: vectors\nversion: v1\nkey: {type: account_id, field: payload.key}\n"
        f"event_types: [card_auth]\n{rest}features:\n{lines}\n"
    )


def envelope(event_id: str, time_us: int, members: str, event_type: str = "card_auth") -> str:
    """An event of key K; `members` are those of its payload beside the key, as written."""
    payload = '{"key":"K"' + (f",{members}" if members else "") + "}"
    head = {"event_id": event_id, "event_type": event_type, "ts_utc": format_timestamp_us(time_us), **PINS}
    return json.dumps(head, ensure_ascii=False, separators=(",", ":"))[:-1] + f',"payload":{payload}}}'


def by_semantics(scene: Scene) -> dict[str, Any]:
    """The identity part by the executable semantics."""
    pins = jcs(PINS)
    canonical = canonical_definition(scene.group)
    histories: dict[int, PartitionHistory] = {
        partition: PartitionHistory(
            [canonical], [pins], stream=STREAM, partition=partition, start=0, max_skew_us=0
        )
        for _, partition in scene.cut
    }
    for partition, offset, log_ts_us, value in sorted(scene.records):
        histories[partition].apply(offset, log_ts_us, value.encode())
    question = Question(
        pins=pins,
        pins_object=PINS,
        keys=scene.keys,
        groups=[Group(0, canonical, definition_digest(scene.group))],
        as_of_us=scene.as_of_us,
        as_of_basis=scene.as_of_basis,
        cut=scene.cut,
        hash_rule=DEFAULT_HASH_RULE,
    )
    return identity(question, list(histories.values()))


def decision(scene: Scene, **members: Any) -> bytes:
    """The decision record that asks for the scene's snapshot."""
    record = {
        "decision_id": "d1",
        "context_pins": PINS,
        "feature_keys": [{"key_type": key_type, "key_id": key_id} for key_type, key_id in scene.keys],
        "feature_groups": [{"name": "vectors", "version": "v1"}],
        "as_of_spec": {
            "as_of_basis": scene.as_of_basis,
            "as_of_time_utc": format_timestamp_us(scene.as_of_us),
        },
        "basis": [
            {"stream": stream, "partition": partition, "next_offset": offset}
            for (stream, partition), offset in scene.cut.items()
        ],
        **members,
    }
    return json.dumps(record, ensure_ascii=False).encode()


def run_scene(scene: Scene, lines: list[bytes], engine: str) -> MemorySink:
    """All outputs of a whole replay of decision lines over the scene's log."""
    log = MemoryLog()
    log.create(STREAM, len(scene.cut))
    for partition, offset, log_ts_us, value in sorted(scene.records):
        log.append(STREAM, partition, Record(value.encode(), log_ts_us=log_ts_us, offset=offset))
    sink = MemorySink()
    BoundedReplay(
        log=log,
        decisions=MemoryDecisionSource(lines),
        registry=Registry.of([scene.group]),
        sink=sink,
        options=ReplayOptions(batch_size=2, workers=1, max_skew_us=0, end_wait_us=0),
        engine=engine,
    ).run()
    return sink


def by_engine(scene: Scene, engine: str) -> dict[str, Any]:
    """The result of a decision with the semantics' hash, and the written snapshot."""
    recorded = sha256_hex(jcs(by_semantics(scene)))
    sink = run_scene(scene, [decision(scene, online_snapshot_hash=recorded)], engine)
    (parity,) = [json.loads(text) for _, text in sink.parity]
    (snapshot,) = [json.loads(text) for _, text in sink.snapshots]
    return {"result": parity["result"], "snapshot": snapshot}
