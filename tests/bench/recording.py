"""Puts into decisions the hashes that an online plane would have recorded.

A decision without a hash is UNCHECKABLE, and its evidence is made record by record, in Python; a million of them take
minutes. Only the hash of the snapshot is wanted here, so the evidence is left out while they are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final
from unittest import mock

import ofs
from ofs.ports import OutputRecords
from ofs.runtime.outcome import OutcomeWriter
from ofs.runtime.report import ReplayReport
from ofs.sinks.discard import DiscardSink
from tests.bench.texts import with_hash

_MEMBER: Final = b'"snapshot_hash":"'
_HEX_DIGITS: Final = 64


class RecordingSink(DiscardSink):
    """Writes each decision line with the hash that is found for it."""

    def __init__(self, lines: Iterator[bytes], file: IO[bytes]) -> None:
        super().__init__()
        self._lines = lines
        self._file = file

    def put_parity(self, records: OutputRecords) -> None:
        """The records are hashes, in the order of the decisions."""
        for _, found in records.pairs():
            self._file.write(with_hash(next(self._lines).removesuffix(b"\n"), found) + b"\n")


def record_hashes(archive: Path, plain: Path, registry: Path, target: Path) -> ReplayReport:
    """Write the decisions of `plain`, all of them answerable, to `target`, each with its true hash."""
    with (
        plain.open("rb") as lines,
        target.open("wb") as file,
        mock.patch.object(OutcomeWriter, "_elaborate", _hash_only),
    ):
        report = ofs.replay(
            events=f"archive:{archive}",
            decisions=str(plain),
            features=registry,
            sink=RecordingSink(lines, file),
            snapshots="none",
            workers=2,
        )
        if lines.read(1):
            raise RuntimeError(f"{plain}: decisions are left without a hash")
    return report


def _hash_only(_writer: OutcomeWriter, verdict: Any, _line: int, _reasons: object) -> bytes:
    """What stands for the record: the hash inside the snapshot's text."""
    text: bytes = verdict.snapshot
    start = text.rindex(_MEMBER) + len(_MEMBER)
    return text[start : start + _HEX_DIGITS]
