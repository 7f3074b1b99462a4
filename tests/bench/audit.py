"""How long an audit query takes at 10,000 events' distance from a checkpoint, and what a second job reads.

    python -m tests.bench.audit [--events 10000000] [--questions 40]

Uses the log of tests.bench.memory, one event a key. Prints JSON; times in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import ofs
from ofs.sources.archive import import_ndjson
from ofs.sources.decisions import MemoryDecisionSource
from tests.bench.definitions import registry, velocity
from tests.bench.memory import decision, lines

DISTANCE = 10_000
LATER = 1_000


def audit_ms(given: dict[str, Any], event: int) -> float:
    """The time of one question; its answer must be that the key was seen once in the last hour."""
    started = time.perf_counter()
    rebuilt = ofs.snapshot(**given, decision=decision(event))
    elapsed_ms = (time.perf_counter() - started) * 1_000
    features = rebuilt["features"][f"account_id:A{event - 1:08d}"]["account_velocity"]
    if features["count_1h"] != 1:
        raise SystemExit(f"event {event}: expected one event of its key, found {features}")
    return elapsed_ms


def main() -> None:
    """Leave a checkpoint, ask, run a later job, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "ofs-bench")
    arguments = parser.parse_args()
    folder = arguments.dir / f"keys-{arguments.events}"
    if not (folder / "archive").exists():
        folder.mkdir(parents=True, exist_ok=True)
        import_ndjson(lines(arguments.events), "traffic", folder / "archive", "log-append")
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    given: dict[str, Any] = {
        "events": f"archive:{folder / 'archive'}",
        "features": registry(velocity()),
        "state": state,
        "max_clock_skew": "10000d",  # so that the first job reads the log from its beginning
    }
    base = arguments.events - DISTANCE - LATER

    started = time.perf_counter()
    first = ofs.replay(**given, decisions=MemoryDecisionSource([decision(base)]), state_memory=512 << 20)
    first_s = time.perf_counter() - started

    times_ms = sorted(audit_ms(given, base + DISTANCE + number) for number in range(arguments.questions))

    started = time.perf_counter()
    batch = [decision(base + DISTANCE + number) for number in range(LATER)]
    later = ofs.replay(**given, decisions=MemoryDecisionSource(batch))
    figures = {
        "events": arguments.events,
        "first_job": {"records_read": first.records_read, "seconds": round(first_s, 1)},
        "audit_ms_p50": round(times_ms[len(times_ms) // 2]),
        "audit_ms_p95": round(times_ms[int(len(times_ms) * 0.95)]),
        "later_job": {
            "decisions": later.decisions,
            "records_read": later.records_read,
            "seconds": round(time.perf_counter() - started, 2),
        },
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
