"""One run of OFS in a fresh process, from a job file: `python -m tests.bench.jobs SPEC`.

SPEC: `{"call": "replay" or "rows", "arguments": {…}, "profile": PATH or null}`; the arguments are those of
`ofs.replay` and `ofs.rows`. Prints `RESULT {json}` with the run record's figures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ofs
from tests.bench.sampling import Sampler


def main() -> int:
    """Run the job. Exit code 2 where this version of OFS lacks the call."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    call = getattr(ofs, job["call"], None)
    if call is None:
        sys.stdout.write(f"this version has no ofs.{job['call']}\n")
        return 2
    sampler = None if job.get("profile") is None else Sampler()
    report = call(**job["arguments"])
    if sampler is not None:
        Path(job["profile"]).write_text(json.dumps(sampler.stop()), "utf-8")
    sys.stdout.write("RESULT " + json.dumps(_told(report)) + "\n")
    return 0


def _told(report: Any) -> dict[str, Any]:
    figures = dict(report.run.figures) if report.run is not None else {}
    return {
        "events": getattr(report, "rows", None) or getattr(report, "decisions", 0),
        "records_read": report.records_read,
        "seconds": report.seconds,
        "results": getattr(report, "results", {}),
        "engine": None if report.run is None else report.run.engine,
        "version": ofs.__version__,
        "figures": figures,
    }


if __name__ == "__main__":
    sys.exit(main())
