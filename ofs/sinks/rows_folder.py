"""Rows as a folder that is there whole or not at all: `rows.parquet`, `certificate.json` and, last, `run.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ofs.errors import InvariantViolation
from ofs.ports import RowBlock, RowField
from ofs.sinks.rows_parquet import ROW_GROUP_ROWS, ParquetRows
from ofs.sinks.whole_folder import WholeFolder

ROWS: Final = "rows.parquet"


class RowsFolderSink:
    """RowSink over one folder. Raises SinkError where it cannot be written; then the folder is as it was."""

    topics: frozenset[str] = frozenset()
    block_rows: int | None = ROW_GROUP_ROWS

    def __init__(self, out: Path | str) -> None:
        self._folder: Final = WholeFolder(out, (ROWS,))
        self._rows: ParquetRows | None = None

    def begin(self, replay_id: str, fields: Sequence[RowField]) -> bool:
        """See RowSink, and WholeFolder."""
        partial = self._folder.begin(replay_id)
        if partial is None:
            return False
        with self._folder.mapped():
            try:
                self._rows = ParquetRows(partial / ROWS, fields)
            except OSError:
                self.abort()
                raise
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See RowSink."""
        return self._folder.finished_run()

    def put(self, rows: RowBlock) -> None:
        """See RowSink."""
        with self._folder.mapped():
            self._open_rows().write(rows)

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the rows durable, write certificate and run record, rename the folder."""
        rows = self._open_rows()
        try:
            with self._folder.mapped():
                outputs = {ROWS: rows.finish()}
            self._folder.publish(run, certificate, outputs)
        except BaseException:
            self.abort()
            raise
        self._rows = None

    def abort(self) -> None:
        """Remove what was not committed; calling it again does nothing."""
        if self._rows is not None:
            self._rows.discard()
            self._rows = None
        self._folder.abort()

    def _open_rows(self) -> ParquetRows:
        if self._rows is None:
            raise InvariantViolation("defect in OFS: put or commit without begin")
        return self._rows
