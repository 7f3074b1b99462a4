"""Outputs in memory, for tests and notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from ofs.errors import InvariantViolation, RequestConflictError
from ofs.ports import DEAD_LETTERS, PARITY, SNAPSHOTS, OutputDigest, OutputRecords, no_outputs


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
        self._staged: dict[str, list[tuple[str, bytes]]] | None = None
        self._digests = no_outputs()

    def begin(self, replay_id: str) -> bool:
        """See OutputSink. Raises RequestConflictError where another run was committed."""
        if self.run is not None:
            if self._replay_id != replay_id:
                raise RequestConflictError(f"the outputs are those of run {self._replay_id}")
            return False
        self._replay_id = replay_id
        self._staged = {PARITY: [], SNAPSHOTS: [], DEAD_LETTERS: []}
        self._digests = no_outputs()
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink."""
        if self.run is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self.run

    def put_parity(self, records: OutputRecords) -> None:
        """ParityResults by decision id."""
        self._stage(PARITY, records)

    def put_snapshots(self, records: OutputRecords) -> None:
        """RebuiltFeatureSnapshots by decision id."""
        self._stage(SNAPSHOTS, records)

    def put_dead_letters(self, records: OutputRecords) -> None:
        """Dead letters by source and line."""
        self._stage(DEAD_LETTERS, records)

    def digests(self) -> Mapping[str, OutputDigest]:
        """See OutputSink."""
        return self._digests

    def end_chunk(self) -> None:
        """See OutputSink; all of it appears at the commit."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the outputs visible."""
        if self._staged is None:
            raise InvariantViolation("defect in OFS: commit without begin")
        self.parity, self.snapshots, self.dead_letters = self._staged.values()
        self.run, self.certificate = dict(run), dict(certificate)
        self._staged = None

    def abort(self) -> None:
        """Discard what was not committed."""
        self._staged = None

    def _stage(self, name: str, records: OutputRecords) -> None:
        if self._staged is None:
            raise InvariantViolation("defect in OFS: put without begin")
        self._staged[name] += records.pairs()
        self._digests[name].add(records)
