"""Changes of a log under a run that must not go unnoticed, each at the one moment where it could."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ofs.errors import SourceError
from ofs.features import Registry, read_definition
from ofs.native import core
from ofs.runtime.replay import ReplayOptions
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import Record
from ofs.units import format_timestamp_us
from tests.simulation.gate import Change, Gate
from tests.simulation.model_log import Cluster, ModelPartition, ModelTopic, ReaderLog
from tests.simulation.scheduler import Baton
from topologies.bounded_replay import BoundedReplay

SECOND = 1_000_000
EPOCH = 1_700_000_000 * SECOND
PINS = {"manifest_fingerprint": "a" * 64, "parameter_hash": "b" * 64, "scenario_id": "s", "run_id": "c" * 32}


class _Steady:
    """Chance that never changes its mind: batches of one record, no detours."""

    def random(self) -> float:
        return 1.0

    def randint(self, low: int, high: int) -> int:
        return low


def _cluster() -> Cluster:
    """30 events of one key, one a second."""
    part = ModelPartition(cut_max=30)
    for number in range(30):
        event = {
            **PINS,
            "event_id": f"e{number}",
            "event_type": "e",
            "ts_utc": format_timestamp_us(EPOCH + number * SECOND),
            "payload": {"k": "A"},
        }
        part.append(number, Record(json.dumps(event).encode(), log_ts_us=EPOCH + number * SECOND))
    part.stable = part.end
    return Cluster({"s": ModelTopic("topic", log_append=True, partitions=[part])})


def _run(cluster: Cluster, before_call: int, change: Callable[[], str]) -> MemorySink:
    """Count the last 10 s at 25 s, with one change of the log on the way."""
    chance: Any = _Steady()
    gate = Gate(
        Baton(chance, 0),
        [],
        [Change(before_call, "change", apply=change)],
    )
    definition = {
        "feature_group": "g",
        "version": "v1",
        "key": {"type": "k", "field": "payload.k"},
        "event_types": ["e"],
        "features": [{"name": "n", "op": "count", "window": "10s"}],
    }
    decision = {
        "decision_id": "d",
        "context_pins": PINS,
        "feature_keys": [{"key_type": "k", "key_id": "A"}],
        "feature_groups": [{"name": "g", "version": "v1"}],
        "as_of_spec": {
            "as_of_time_utc": format_timestamp_us(EPOCH + 25 * SECOND),
            "as_of_basis": "event_time",
        },
        "basis": [{"stream": "s", "partition": 0, "next_offset": 30}],
    }
    sink = MemorySink()
    BoundedReplay(
        log=ReaderLog(cluster, gate, chance),
        decisions=MemoryDecisionSource([json.dumps(decision).encode()]),
        registry=Registry.of([read_definition(json.dumps(definition).encode(), "g.yaml")]),
        sink=sink,
        options=ReplayOptions(max_skew_us=2 * SECOND, end_wait_us=0),
        engine="reference" if core is None else "native",
    ).run()
    return sink


def _count(sink: MemorySink) -> int:
    (_, text), *_rest = sink.snapshots
    count: int = json.loads(text)["features"]["k:A"]["g"]["n"]
    return count


def test_undisturbed_run_counts_ten() -> None:
    """A change that comes after the end changes nothing: calls 1 to 2 plan, 3 opens, 4 and on read from offset 13."""
    assert _count(_run(_cluster(), 1_000, lambda: "never")) == 10


def test_retention_while_planning_is_noticed() -> None:
    """What retention removes between the description and the lookup of a start is missed or planned again."""
    cluster = _cluster()
    sink = _run(cluster, 2, lambda: cluster.remove_below("s", 0, 20))
    assert json.loads(sink.parity[0][1])["reason"] == "HISTORY_TRUNCATED"


def test_topic_made_anew_while_planning_is_noticed() -> None:
    """A topic that is made anew between its description and the lookup of a start is not answered from as if empty."""
    cluster = _cluster()
    try:
        sink = _run(cluster, 2, lambda: cluster.recreate("s", refills=False))
    except SourceError:
        return
    assert json.loads(sink.parity[0][1])["reason"] == "BASIS_BEYOND_LOG_END"
