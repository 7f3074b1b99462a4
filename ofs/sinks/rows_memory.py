"""Rows in memory, for tests and notebooks; and nowhere, for a caller who only wants the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ofs.errors import InvariantViolation, RequestConflictError
from ofs.ports import RowBlock, RowField

_DISCARDED_ROWS: Final = 8_192


class RowsMemorySink:
    """RowSink that keeps what was committed in its attributes; until then they are empty.

    `blocks`: the rows as they were put. `rows`: as (event id, EventRow), where it takes records.
    """

    topics: frozenset[str] = frozenset()

    def __init__(self, block_rows: int | None = None) -> None:
        self.block_rows: Final = block_rows
        self.fields: tuple[RowField, ...] = ()
        self.blocks: list[RowBlock] = []
        self.run: dict[str, object] | None = None
        self.certificate: dict[str, object] | None = None
        self._replay_id: str | None = None
        self._staged: list[RowBlock] | None = None

    @property
    def rows(self) -> list[tuple[str, bytes]]:
        return [pair for block in self.blocks for pair in block.records().pairs()]

    def begin(self, replay_id: str, fields: Sequence[RowField]) -> bool:
        """See RowSink. Raises RequestConflictError where another run was committed."""
        if self.run is not None:
            if self._replay_id != replay_id:
                raise RequestConflictError(f"the outputs are those of run {self._replay_id}")
            return False
        self._replay_id, self.fields, self._staged = replay_id, tuple(fields), []
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See RowSink."""
        if self.run is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self.run

    def put(self, rows: RowBlock) -> None:
        """See RowSink."""
        if self._staged is None:
            raise InvariantViolation("defect in OFS: put without begin")
        self._staged.append(rows)

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the rows visible."""
        if self._staged is None:
            raise InvariantViolation("defect in OFS: commit without begin")
        self.blocks, self.run, self.certificate = self._staged, dict(run), dict(certificate)
        self._staged = None

    def abort(self) -> None:
        """Discard what was not committed."""
        self._staged = None


class RowsDiscardSink:
    """RowSink that keeps nothing."""

    topics: frozenset[str] = frozenset()
    block_rows: int | None = _DISCARDED_ROWS

    def begin(self, replay_id: str, _fields: Sequence[RowField]) -> bool:
        """See RowSink; always True."""
        return bool(replay_id)

    def finished_run(self) -> Mapping[str, object]:
        """See RowSink; there is never one."""
        raise InvariantViolation("defect in OFS: no run is finished here")

    def put(self, rows: RowBlock) -> None:
        """See RowSink."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """See RowSink."""

    def abort(self) -> None:
        """See RowSink."""
