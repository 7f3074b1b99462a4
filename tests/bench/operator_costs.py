"""What folding and answering costs with each of several definitions: `python -m tests.bench.operator_costs SPEC`.

SPEC: `{"archive": DIR, "decisions": FILE, "registries": {name: DIR}, "rounds": n}`; the decisions need no hashes. One
process for all: the CPU time of a stage does not depend on what ran before. Prints `RESULT {json}`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from tests.bench.figures import STAGE
from tests.bench.recording import record_hashes

FOLD = f"{STAGE}fold"


def main() -> None:
    """Every definition once a round; medians of the rounds."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    spent: dict[str, list[float]] = {name: [] for name in job["registries"]}
    for _ in range(job["rounds"]):
        for name, registry in job["registries"].items():
            report = record_hashes(
                Path(job["archive"]), Path(job["decisions"]), Path(registry), Path("/dev/null")
            )
            if report.run is not None:
                spent[name].append(report.run.figures[FOLD] / 1e6)
    found = {name: {"fold_s": median(values)} for name, values in spent.items()}
    sys.stdout.write("RESULT " + json.dumps({"operators": found}) + "\n")


if __name__ == "__main__":
    main()
