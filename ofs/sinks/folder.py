"""Outputs as a folder that is there whole or not at all.

Layout: `parity.jsonl`, `snapshots.jsonl`, `deadletter.jsonl` (one canonical JSON text a line), `certificate.json` and
`run.json` (canonical JSON and a line end). `run.json` holds under `outputs` the SHA-256 and the number of records of
each other file, and under `record_digest` the SHA-256 of itself without this member. They are written into
`.<name>.partial-<pid>` beside the folder, made durable, and the folder is renamed once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from ofs.canonical import jcs, sha256_hex
from ofs.errors import InvariantViolation, RequestConflictError, SinkError, invariant
from ofs.ports import DEAD_LETTERS, PARITY, SNAPSHOTS, OutputDigest, OutputRecords

CERTIFICATE: Final = "certificate.json"
RUN: Final = "run.json"
_RECORD_DIGEST: Final = "record_digest"
_RUN_AGAIN: Final = "remove the folder and run again"


class FolderSink:
    """OutputSink over one folder. Raises SinkError where it cannot be written; then the folder is as it was."""

    topics: frozenset[str] = frozenset()

    def __init__(self, out: Path | str) -> None:
        self._out = Path(out).absolute()
        self._partial: Path | None = None
        self._lock: int | None = None
        self._files: dict[str, _OutputFile] = {}
        self._replay_id = ""
        self._finished: dict[str, object] | None = None

    def begin(self, replay_id: str) -> bool:
        """See OutputSink. A finished folder of this run is verified by the digests in its run.json.

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
                for name in (PARITY, SNAPSHOTS, DEAD_LETTERS):
                    self._files[name] = _OutputFile(partial / name)
            except OSError:
                self.abort()
                raise
            self._replay_id = replay_id
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink."""
        if self._finished is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self._finished

    def put_parity(self, records: OutputRecords) -> None:
        """ParityResults by decision id."""
        self._put(PARITY, records)

    def put_snapshots(self, records: OutputRecords) -> None:
        """RebuiltFeatureSnapshots by decision id."""
        self._put(SNAPSHOTS, records)

    def put_dead_letters(self, records: OutputRecords) -> None:
        """Dead letters by source and line."""
        self._put(DEAD_LETTERS, records)

    def digests(self) -> Mapping[str, OutputDigest]:
        """See OutputSink."""
        return {name: self._files[name].digest for name in (PARITY, SNAPSHOTS, DEAD_LETTERS)}

    def end_chunk(self) -> None:
        """See OutputSink; all of it appears at the commit."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Write certificate and run record, make all durable, rename the folder."""
        partial = self._partial
        if partial is None:
            raise InvariantViolation("defect in OFS: commit without begin")
        try:
            self._publish(partial, run, certificate)
        except BaseException:
            self.abort()
            raise
        self._partial = None
        self._release()

    def abort(self) -> None:
        """Remove what was not committed; calling it again does nothing."""
        for file in self._files.values():
            file.discard()
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial = None
        self._release()

    def _publish(self, partial: Path, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        with _mapped(self._out):
            self._files[CERTIFICATE] = _OutputFile(partial / CERTIFICATE)
            self._files[CERTIFICATE].write(OutputRecords.of([("", jcs(dict(certificate)))]))
            outputs: dict[str, object] = {name: file.finish() for name, file in self._files.items()}
            self._files[RUN] = _OutputFile(partial / RUN)
            record = {**run, "replay_id": self._replay_id, "outputs": outputs}
            last = jcs({**record, _RECORD_DIGEST: sha256_hex(jcs(record))})
            self._files[RUN].write(OutputRecords.of([("", last)]))
            self._files[RUN].finish()
            _sync(partial)
            try:
                partial.rename(self._out)
            except OSError as error:
                if self._out.is_dir() and any(self._out.iterdir()):
                    raise RequestConflictError(f"{self._out} was written by another run meanwhile") from error
                raise
            _sync(self._out.parent)

    def _put(self, name: str, records: OutputRecords) -> None:
        invariant(self._partial is not None, "put without begin")
        with _mapped(self._out):
            self._files[name].write(records)

    def _release(self) -> None:
        self._files = {}
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _OutputFile:
    """A file of lines with its digest. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb", buffering=1024 * 1024)
        self.digest: Final = OutputDigest()

    def write(self, records: OutputRecords) -> None:
        self.digest.add(records)
        self._file.write(records.lines)

    def finish(self) -> dict[str, object]:
        """Make it durable; what run.json says of it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self.digest.to_dict()

    def discard(self) -> None:
        try:
            self._file.close()
        except OSError:  # the disk is full: the folder is removed next
            return


@contextmanager
def _mapped(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkError(f"output {error.filename or out}: {error.strerror or error}") from error


def read_run(out: Path) -> dict[str, object]:
    """The run record of a finished folder, compared with the digest that it holds of itself.

    Raises RequestConflictError where the folder holds none, SinkError where it is damaged.
    """
    try:
        text = (out / RUN).read_bytes()
        run = json.loads(text)
        recorded = run.pop(_RECORD_DIGEST)
        found = sha256_hex(jcs(run))
    except FileNotFoundError as error:
        raise RequestConflictError(
            f"{out} is not empty and holds no {RUN}", hint="choose another --out, or empty it"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RequestConflictError(
            f"{out / RUN} is not the record of a run", hint="choose another --out, or empty it"
        ) from error
    if found != recorded or text != jcs({**run, _RECORD_DIGEST: recorded}) + b"\n":
        raise SinkError(
            f"{out / RUN}: damaged: SHA-256 of the record expected {recorded}, found {found}", hint=_RUN_AGAIN
        )
    return dict(run)


def check_output(out: Path, name: str, run: Mapping[str, object]) -> None:
    """Compare an output with the digest that the run record holds of it. Raises SinkError, OSError."""
    path = out / name
    outputs = run.get("outputs")
    entry = outputs.get(name) if isinstance(outputs, dict) else None
    if not isinstance(entry, dict) or not path.is_file():
        raise SinkError(f"{path}: missing from the finished run", hint=_RUN_AGAIN)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.get("sha256"):
        raise SinkError(
            f"{path}: damaged: SHA-256 expected {entry.get('sha256')}, found {found}", hint=_RUN_AGAIN
        )


def _check_finished(out: Path, replay_id: str) -> dict[str, object]:
    """The run record of the folder. Raises unless the folder holds this run's outputs, undamaged."""
    run = read_run(out)
    if run.get("replay_id") != replay_id:
        raise RequestConflictError(
            f"{out} holds the outputs of run {run.get('replay_id')}, this request is run {replay_id}",
            hint="choose another --out, or remove the folder",
        )
    for name in (PARITY, SNAPSHOTS, DEAD_LETTERS, CERTIFICATE):
        check_output(out, name, run)
    return run


def _remove_leftovers(out: Path) -> None:
    """Remove the partial folders of runs that are dead: nobody holds their lock."""
    for path in out.parent.glob(f".{_glob_escaped(out.name)}.partial-*"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path)
        finally:
            os.close(handle)


def _glob_escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _locked(folder: Path) -> int:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
