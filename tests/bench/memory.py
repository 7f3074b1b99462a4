"""How much memory a run takes with many keys and a limit on its state.

    python -m tests.bench.memory [--keys 5000000] [--limit-mib 512]

Makes (once, in --dir) a log of one event a key in four partitions, runs one decision at its end with the state in
RocksDB under the limit, and prints the peak resident size as JSON. The run is in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ofs
from ofs.sources.archive import import_ndjson
from ofs.sources.decisions import MemoryDecisionSource
from ofs.units import format_timestamp_us
from tests.bench.definitions import registry, velocity
from tests.bench.streams import PARTITIONS, START_US
from tests.bench.texts import PINS


def lines(keys: int) -> Iterator[bytes]:
    """One event a key, a millisecond apart."""
    for number in range(keys):
        time_us = START_US + number * 1_000
        payload = {"account_id": f"A{number:08d}", "merchant_id": f"M{number:08d}", "amount": "1.00"}
        envelope = {
            **PINS,
            "event_id": f"{number:032x}",
            "event_type": "s3_event_stream_with_fraud_6B",
            "ts_utc": format_timestamp_us(time_us),
            "payload": payload,
        }
        record = {
            "partition": number % PARTITIONS,
            "offset": number // PARTITIONS,
            "timestamp_us": time_us,
            "key": None,
            "value": json.dumps(envelope, separators=(",", ":")),
        }
        yield json.dumps(record).encode()


def decision(event: int) -> bytes:
    """A decision just before an event, on the key of the one before it: its account was seen once."""
    record = {
        "decision_id": f"d{event}",
        "context_pins": PINS,
        "feature_keys": [{"key_type": "account_id", "key_id": f"A{event - 1:08d}"}],
        "feature_groups": [{"name": f"{name}_velocity", "version": "v1"} for name in ("account", "merchant")],
        "as_of_spec": {
            "as_of_time_utc": format_timestamp_us(START_US + event * 1_000),
            "as_of_basis": "event_time",
        },
        "basis": [
            {"stream": "traffic", "partition": number, "next_offset": len(range(number, event, PARTITIONS))}
            for number in range(PARTITIONS)
        ],
    }
    return json.dumps(record).encode()


def run(folder: Path, keys: int, limit_bytes: int) -> None:
    """One decision on the last key, and the figures."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as state:
        report = ofs.replay(
            events=f"archive:{folder / 'archive'}",
            decisions=MemoryDecisionSource([decision(keys)]),
            features=registry(velocity()),
            state=state,
            state_memory=limit_bytes,
        )
    figures = {
        "keys": keys,
        "limit_mib": limit_bytes >> 20,
        "records": report.records_read,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_resident_mib": 0 if report.run is None else report.run.figures["peak_memory_bytes"] >> 20,
    }
    print(json.dumps(figures))


def main() -> None:
    """Prepare what is missing, then run in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=5_000_000)
    parser.add_argument("--limit-mib", type=int, default=512)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "ofs-bench")
    parser.add_argument("--prepared", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.dir / f"keys-{arguments.keys}"
    if arguments.prepared:
        run(folder, arguments.keys, arguments.limit_mib << 20)
        return
    if not (folder / "archive").exists():
        folder.mkdir(parents=True, exist_ok=True)
        import_ndjson(lines(arguments.keys), "traffic", folder / "archive", "log-append")
    command = [sys.executable, "-m", "tests.bench.memory", "--prepared", "--keys", str(arguments.keys)]
    command += ["--limit-mib", str(arguments.limit_mib), "--dir", str(arguments.dir)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
