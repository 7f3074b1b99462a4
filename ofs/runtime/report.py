"""What a run tells its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ofs.contracts import CutCertificate, RunRecord
from ofs.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is; total None: not known beforehand."""

    stage: str
    done: int
    total: int | None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The outcome of a run.

    `parity_digest`: SHA-256 of parity.jsonl's bytes as a folder holds them, whatever the sink. `mismatch_fields`:
    feature as `features/<group>/<feature>` to the number of decisions in which it differs; `snapshot_hash` where no
    field does. `seconds`: from the run's begin until its outputs were committed; 0 where nothing was written.
    `verified_only`: the run was finished before, its outputs were verified and nothing was written.
    """

    replay_id: str
    decisions: int
    duplicates: int
    dead_letters: int
    results: dict[str, int]
    reasons: dict[str, int]
    mismatch_fields: dict[str, int]
    records_read: int
    seconds: float
    parity_digest: str
    certificate: CutCertificate | None
    certificate_digest: str
    engine: str
    notices: tuple[str, ...]
    run: RunRecord | None
    verified_only: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 all MATCH, 1 any MISMATCH, 3 no MISMATCH but UNCHECKABLE or dead letters."""
        if self.results.get("MISMATCH", 0) > 0:
            return ExitCode.MISMATCH
        if self.results.get("UNCHECKABLE", 0) > 0 or self.dead_letters > 0:
            return ExitCode.INCOMPLETE
        return ExitCode.ALL_MATCH
