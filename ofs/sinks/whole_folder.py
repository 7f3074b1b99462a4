"""A folder of outputs that is there whole or not at all.

The outputs are written into `.<name>.partial-<pid>` beside the folder, made durable, and the folder is renamed once.
`certificate.json` and `run.json` are canonical JSON and a line end. `run.json` holds under `outputs` the SHA-256 and
the number of records of each other file, and under `record_digest` the SHA-256 of itself without this member.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ofs.canonical import jcs, sha256_hex
from ofs.errors import InvariantViolation, RequestConflictError, SinkError, invariant

CERTIFICATE: Final = "certificate.json"
RUN: Final = "run.json"
_RECORD_DIGEST: Final = "record_digest"
_RUN_AGAIN: Final = "remove the folder and run again"


class WholeFolder:
    """The folder of one run. Raises SinkError where it cannot be written; then the folder is as it was."""

    def __init__(self, out: Path | str, outputs: Sequence[str]) -> None:
        """`outputs`: the names of the files that a run has beside certificate and record."""
        self._out = Path(out).absolute()
        self._names: Final = (*outputs, CERTIFICATE)
        self._partial: Path | None = None
        self._lock: int | None = None
        self._replay_id = ""
        self._finished: dict[str, object] | None = None

    def begin(self, replay_id: str) -> Path | None:
        """The folder to write the outputs into; None where this run is finished, and was verified by its digests.

        Raises RequestConflictError where another run's or foreign files are, SinkError where a file of it is damaged.
        """
        invariant(self._partial is None, "begin twice")
        with self.mapped():
            if self._out.exists() and not self._out.is_dir():
                raise RequestConflictError(f"{self._out} is not a folder", hint="choose another --out")
            if self._out.is_dir() and any(self._out.iterdir()):
                self._finished = self._check_finished(replay_id)
                return None
            self._out.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self._out)
            partial = self._out.parent / f".{self._out.name}.partial-{os.getpid()}"
            partial.mkdir()
            self._lock = _locked(partial)
            self._partial, self._replay_id = partial, replay_id
            return partial

    def finished_run(self) -> Mapping[str, object]:
        """The run record that `begin` found."""
        if self._finished is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self._finished

    def check_begun(self) -> None:
        """Raises InvariantViolation where nothing may be written."""
        invariant(self._partial is not None, "put or commit without begin")

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """What the file system raises is a SinkError."""
        try:
            yield
        except OSError as error:
            raise SinkError(f"output {error.filename or self._out}: {error.strerror or error}") from error

    def publish(
        self, run: Mapping[str, object], certificate: Mapping[str, object], outputs: Mapping[str, object]
    ) -> None:
        """Write certificate and run record, make all durable, rename the folder.

        `outputs`: what the run record says of each; they are written and durable.
        """
        if self._partial is None:
            raise InvariantViolation("defect in OFS: commit without begin")
        with self.mapped():
            proof = _write_durably(self._partial / CERTIFICATE, jcs(dict(certificate)) + b"\n")
            entry = {"records": 1, "sha256": proof}
            record = {
                **run,
                "replay_id": self._replay_id,
                "outputs": {**outputs, CERTIFICATE: entry},
            }
            last = jcs({**record, _RECORD_DIGEST: sha256_hex(jcs(record))})
            _write_durably(self._partial / RUN, last + b"\n")
            _sync(self._partial)
            self._rename(self._partial)
        self._partial = None
        self._release()

    def abort(self) -> None:
        """Remove what was not published; calling it again does nothing."""
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

    def _check_finished(self, replay_id: str) -> dict[str, object]:
        """The run record of the folder. Raises unless the folder holds this run's outputs, undamaged."""
        run = read_run(self._out)
        if run.get("replay_id") != replay_id:
            raise RequestConflictError(
                f"{self._out} holds the outputs of run {run.get('replay_id')}, this request is run {replay_id}",
                hint="choose another --out, or remove the folder",
            )
        for name in self._names:
            check_output(self._out, name, run)
        return run

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


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


def _write_durably(path: Path, text: bytes) -> str:
    """The SHA-256 of what was written, hex."""
    with path.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return sha256_hex(text)
