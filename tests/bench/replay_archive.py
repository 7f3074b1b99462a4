"""How many verdicts a second a bounded replay gives from the archive, one decision an event.

    python -m tests.bench.replay_archive [--events 500000] [--runs 3] [--state]

Makes (once, in --dir) a seeded skewed stream of envelopes of about 620 bytes in four partitions, and one decision of
about 1.1 kB an event with its true hash; two groups of three sliding windows of count and sum. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ofs
from ofs.features import Registry, read_definition
from ofs.sinks.memory import MemorySink
from ofs.sources.archive import import_ndjson
from ofs.sources.decisions import FileDecisionSource
from ofs.units import format_timestamp_us

PARTITIONS = 4
START_US = 1_767_225_600_000_000
PINS = {
    "manifest_fingerprint": "a" * 64,
    "parameter_hash": "b" * 64,
    "seed": 42,
    "scenario_id": "baseline",
    "platform_run_id": "platform_20260101T000000Z",
    "scenario_run_id": "c" * 32,
    "run_id": "c" * 32,
}


def groups() -> Registry:
    """Account and merchant velocity: three windows, count and sum."""
    definitions = []
    for name, field in (("account_velocity", "account_id"), ("merchant_velocity", "merchant_id")):
        features = []
        for size in ("1h", "24h", "7d"):
            features.append({"name": f"count_{size}", "op": "count", "window": size})
            amount = {"field": "payload.amount", "type": "decimal(2)"}
            features.append({"name": f"sum_{size}", "op": "sum", **amount, "window": size})
        definition = {
            "feature_group": name,
            "version": "v1",
            "key": {"type": field, "field": f"payload.{field}"},
            "event_types": ["s3_event_stream_with_fraud_6B"],
            "features": features,
        }
        definitions.append(read_definition(json.dumps(definition).encode(), name))
    return Registry.of(definitions)


def stream(events: int) -> Iterator[tuple[int, int, int, dict[str, object]]]:
    """(partition, offset, event time, envelope), in log order."""
    chance = random.Random(7)
    offsets = [0] * PARTITIONS
    elapsed = 0.0
    for _ in range(events):
        elapsed += chance.expovariate(200)
        late = chance.random() * 5 if chance.random() < 0.2 else 0.0
        time_us = START_US + int((elapsed - late) * 1e6)
        account = int(chance.paretovariate(0.6) % 50_000)
        envelope = {
            **PINS,
            "event_id": f"{chance.getrandbits(128):032x}",
            "event_type": "s3_event_stream_with_fraud_6B",
            "ts_utc": format_timestamp_us(time_us),
            "schema_version": "v1",
            "payload": {
                "flow_id": chance.randrange(10**12),
                "account_id": f"A{account:06d}",
                "merchant_id": f"M{int(chance.paretovariate(0.8) % 5_000):05d}",
                "amount": f"{chance.randrange(1, 100_000) / 100:.2f}",
                "currency": "GBP",
            },
        }
        partition = account % PARTITIONS
        yield partition, offsets[partition], START_US + int(elapsed * 1e6), envelope
        offsets[partition] += 1


def decisions(events: int) -> Iterator[dict[str, object]]:
    """One decision an event, before it is applied."""
    cut = [0] * PARTITIONS
    for number, (partition, offset, _, envelope) in enumerate(stream(events)):
        payload = envelope["payload"]
        yield {
            "decision_id": f"d{number:09d}",
            "context_pins": PINS,
            "feature_keys": [
                {"key_type": name, "key_id": payload[name]}  # type: ignore[index]  # a dict
                for name in ("account_id", "merchant_id")
            ],
            "feature_groups": [
                {"name": f"{name}_velocity", "version": "v1"} for name in ("account", "merchant")
            ],
            "as_of_spec": {"as_of_time_utc": envelope["ts_utc"], "as_of_basis": "event_time"},
            "basis": [
                {"stream": "traffic", "partition": other, "next_offset": cut[other]}
                for other in range(PARTITIONS)
            ],
        }
        cut[partition] = offset + 1


def prepare(folder: Path, events: int) -> None:
    """Write the archive and the decisions with their true hashes."""
    lines = (
        json.dumps(
            {"partition": p, "offset": o, "timestamp_us": t, "key": None, "value": json.dumps(e)},
        ).encode()
        for p, o, t, e in stream(events)
    )
    import_ndjson(lines, "traffic", folder / "archive", "log-append")
    with (folder / "plain.ndjson").open("w") as file:
        file.writelines(json.dumps(decision) + "\n" for decision in decisions(events))
    sink = MemorySink()
    ofs.replay(
        events=f"archive:{folder / 'archive'}",
        decisions=FileDecisionSource(folder / "plain.ndjson"),
        features=groups(),
        sink=sink,
    )
    with (folder / "decisions.ndjson").open("w") as file:
        for decision, (_, snapshot) in zip(decisions(events), sink.snapshots, strict=True):
            recorded = {**decision, "online_snapshot_hash": json.loads(snapshot)["snapshot_hash"]}
            file.write(json.dumps(recorded) + "\n")
    (folder / "plain.ndjson").unlink()


def main() -> None:
    """Prepare what is missing, run, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "ofs-bench")
    parser.add_argument("--state", action="store_true", help="keep the state in RocksDB")
    arguments = parser.parse_args()
    folder = arguments.dir / str(arguments.events)
    if not (folder / "decisions.ndjson").exists():
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder, arguments.events)
    rates, reports = [], []
    for number in range(max(1, arguments.runs)):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            report = ofs.replay(
                events=f"archive:{folder / 'archive'}",
                decisions=str(folder / "decisions.ndjson"),
                features=groups(),
                out=f"{scratch}/out-{number}",
                snapshots="none",
                workers=arguments.workers,
                state=f"{scratch}/state" if arguments.state else None,
            )
        reports.append(report)
        rates.append(arguments.events / (time.perf_counter() - started))
    report = reports[-1]
    figures = {
        "engine": report.engine,
        "events": arguments.events,
        "results": report.results,
        "verdicts_per_s": [round(rate) for rate in rates],
        "median": round(statistics.median(rates)),
        "state": "rocksdb" if arguments.state else "memory",
        "peak_memory_mib": 0 if report.run is None else report.run.figures["peak_memory_bytes"] >> 20,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
