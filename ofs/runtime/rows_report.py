"""What a run of rows tells its caller."""

from __future__ import annotations

from dataclasses import dataclass

from ofs.contracts import CutCertificate, RowsRunRecord
from ofs.errors import ExitCode


@dataclass(frozen=True, slots=True)
class RowsReport:
    """The outcome of a run. `certificate`: None where the run was finished before (`verified_only`).

    `seconds`: from its begin until the outputs were committed; 0 where nothing was written.
    """

    run: RowsRunRecord
    certificate: CutCertificate | None
    notices: tuple[str, ...]
    verified_only: bool = False
    seconds: float = 0.0

    @property
    def replay_id(self) -> str:
        return self.run.replay_id

    @property
    def rows(self) -> int:
        return self.run.rows

    @property
    def left_out(self) -> dict[str, int]:
        """Events without a row, by the reason."""
        return self.run.left_out

    @property
    def records_read(self) -> int:
        return 0 if self.verified_only else self.run.figures["records_read"]

    @property
    def exit_code(self) -> ExitCode:
        """0 a row for every event, 3 some are left out."""
        return ExitCode.INCOMPLETE if any(self.left_out.values()) else ExitCode.ALL_MATCH
