"""Rows as a folder that is there whole or not at all: `rows.parquet`, `certificate.json` and, last, `run.json`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ofs.canonical import jcs, sha256_hex
from ofs.errors import InvariantViolation, RequestConflictError, invariant
from ofs.ports import RowBlock, RowField, RowForm
from ofs.sinks.folder import (
    CERTIFICATE,
    RUN,
    _locked,
    _mapped,
    _OutputFile,
    _remove_leftovers,
    _sync,
    check_output,
    read_run,
)
from ofs.sinks.rows_parquet import ParquetRows

ROWS: Final = "rows.parquet"


class RowsFolderSink:
    """RowSink over one folder. Raises SinkError where it cannot be written; then the folder is as it was."""

    topics: frozenset[str] = frozenset()
    form: RowForm = "columns"

    def __init__(self, out: Path | str) -> None:
        self._out = Path(out).absolute()
        self._partial: Path | None = None
        self._lock: int | None = None
        self._rows: ParquetRows | None = None
        self._replay_id = ""
        self._finished: dict[str, object] | None = None

    def begin(self, replay_id: str, fields: Sequence[RowField]) -> bool:
        """See RowSink. A finished folder of this run is verified by the digests in its run.json.

        Raises RequestConflictError where another run's or foreign files are, SinkError where a file of it is damaged.
        """
        invariant(self._partial is None, "begin twice")
        with _mapped(self._out):
            if self._out.exists() and not self._out.is_dir():
                raise RequestConflictError(f"{self._out} is not a folder", hint="choose another --out")
            if self._out.is_dir() and any(self._out.iterdir()):
                self._finished = _check_finished(self._out, replay_id)
                return False
            self._out.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self._out)
            partial = self._out.parent / f".{self._out.name}.partial-{os.getpid()}"
            partial.mkdir()
            self._lock = _locked(partial)
            self._partial = partial
            try:
                self._rows = ParquetRows(partial / ROWS, fields)
            except OSError:
                self.abort()
                raise
            self._replay_id = replay_id
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See RowSink."""
        if self._finished is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self._finished

    def put(self, rows: RowBlock) -> None:
        """See RowSink."""
        with _mapped(self._out):
            self._open_rows().write(rows)

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Write certificate and run record, make all durable, rename the folder."""
        rows, partial = self._open_rows(), self._partial
        if partial is None:
            raise InvariantViolation("defect in OFS: commit without begin")
        try:
            with _mapped(self._out):
                outputs: dict[str, object] = {ROWS: rows.finish()}
                outputs[CERTIFICATE] = _write_line(partial / CERTIFICATE, jcs(dict(certificate)))
                record = {**run, "replay_id": self._replay_id, "outputs": outputs}
                _write_line(partial / RUN, jcs({**record, "record_digest": sha256_hex(jcs(record))}))
                _sync(partial)
                self._rename(partial)
        except BaseException:
            self.abort()
            raise
        self._partial = None
        self._release()

    def abort(self) -> None:
        """Remove what was not committed; calling it again does nothing."""
        if self._rows is not None:
            self._rows.discard()
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial = None
        self._release()

    def _rename(self, partial: Path) -> None:
        try:
            partial.rename(self._out)
        except OSError as error:
            if self._out.is_dir() and any(self._out.iterdir()):
                raise RequestConflictError(f"{self._out} was written by another run meanwhile") from error
            raise
        _sync(self._out.parent)

    def _open_rows(self) -> ParquetRows:
        if self._rows is None:
            raise InvariantViolation("defect in OFS: put or commit without begin")
        return self._rows

    def _release(self) -> None:
        self._rows = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _write_line(path: Path, line: bytes) -> dict[str, object]:
    file = _OutputFile(path)
    file.write([line])
    return file.finish()


def _check_finished(out: Path, replay_id: str) -> dict[str, object]:
    run = read_run(out)
    if run.get("replay_id") != replay_id:
        raise RequestConflictError(
            f"{out} holds the outputs of run {run.get('replay_id')}, this request is run {replay_id}",
            hint="choose another --out, or remove the folder",
        )
    for name in (ROWS, CERTIFICATE):
        check_output(out, name, run)
    return run
