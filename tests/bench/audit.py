"""How long an audit query takes at 10,000 events' distance from a checkpoint, and what a second job reads.

    python -m tests.bench.audit [--events 500000] [--questions 40]

Uses the stream of tests.bench.replay_archive (which prepares it). Prints JSON; times in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from itertools import islice
from pathlib import Path

import ofs
from ofs.sources.decisions import MemoryDecisionSource
from tests.bench.replay_archive import groups, prepare

DISTANCE = 10_000


def main() -> None:
    """Leave a checkpoint, ask, run a later job, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "ofs-bench")
    arguments = parser.parse_args()
    folder = arguments.dir / str(arguments.events)
    if not (folder / "decisions.ndjson").exists():
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder, arguments.events)
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    base = arguments.events - DISTANCE - 1_001
    with (folder / "decisions.ndjson").open("rb") as file:
        lines = [line.rstrip(b"\n") for line in islice(file, base, base + DISTANCE + 1_001)]
    given = {"events": f"archive:{folder / 'archive'}", "features": groups(), "state": state}

    started = time.perf_counter()
    ofs.replay(**given, decisions=MemoryDecisionSource(lines[:1]))
    first_s = time.perf_counter() - started

    asked = lines[DISTANCE : DISTANCE + arguments.questions]
    times_ms = []
    for line in asked:
        started = time.perf_counter()
        rebuilt = ofs.snapshot(**given, decision=line)
        times_ms.append((time.perf_counter() - started) * 1_000)
        if rebuilt["snapshot_hash"] != json.loads(line)["online_snapshot_hash"]:
            raise SystemExit("an audit gave another hash than was recorded")

    started = time.perf_counter()
    later = ofs.replay(**given, decisions=MemoryDecisionSource(lines[DISTANCE : DISTANCE + 1_000]))
    figures = {
        "events": arguments.events,
        "first_job_s": round(first_s, 2),
        "audit_ms_p50": round(sorted(times_ms)[len(times_ms) // 2]),
        "audit_ms_p95": round(sorted(times_ms)[int(len(times_ms) * 0.95)]),
        "later_job": {
            "decisions": later.decisions,
            "results": later.results,
            "records_read": later.records_read,
            "seconds": round(time.perf_counter() - started, 2),
        },
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
