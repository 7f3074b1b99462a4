"""Outputs in memory, for tests and notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from ofs.errors import InvariantViolation, RequestConflictError


class MemorySink:
    """OutputSink that keeps what was committed in its attributes; until then they are empty."""

    topics: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.parity: list[tuple[str, bytes]] = []
        self.snapshots: list[tuple[str, bytes]] = []
        self.dead_letters: list[tuple[str, bytes]] = []
        self.run: dict[str, object] | None = None
        self.certificate: dict[str, object] | None = None
        self._replay_id: str | None = None
        self._staged: list[list[tuple[str, bytes]]] | None = None

    def begin(self, replay_id: str) -> bool:
        """See OutputSink. Raises RequestConflictError where another run was committed."""
        if self.run is not None:
            if self._replay_id != replay_id:
                raise RequestConflictError(f"the outputs are those of run {self._replay_id}")
            return False
        self._replay_id = replay_id
        self._staged = [[], [], []]
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink."""
        if self.run is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self.run

    def put_parity(self, records: list[tuple[str, bytes]]) -> None:
        """(decision id, ParityResult)."""
        self._stage(0, records)

    def put_snapshots(self, records: list[tuple[str, bytes]]) -> None:
        """(decision id, RebuiltFeatureSnapshot)."""
        self._stage(1, records)

    def put_dead_letters(self, records: list[tuple[str, bytes]]) -> None:
        """(source and line, dead letter)."""
        self._stage(2, records)

    def end_chunk(self) -> None:
        """See OutputSink; all of it appears at the commit."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the outputs visible."""
        if self._staged is None:
            raise InvariantViolation("defect in OFS: commit without begin")
        self.parity, self.snapshots, self.dead_letters = self._staged
        self.run, self.certificate = dict(run), dict(certificate)
        self._staged = None

    def abort(self) -> None:
        """Discard what was not committed."""
        self._staged = None

    def _stage(self, which: int, records: list[tuple[str, bytes]]) -> None:
        if self._staged is None:
            raise InvariantViolation("defect in OFS: put without begin")
        self._staged[which] += records
