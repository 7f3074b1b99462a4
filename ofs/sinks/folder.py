"""The outputs of a replay as a folder that is there whole or not at all.

Layout: `parity.jsonl`, `snapshots.jsonl`, `deadletter.jsonl` (one canonical JSON text a line), `certificate.json` and
`run.json`; see `ofs.sinks.whole_folder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ofs.errors import invariant
from ofs.ports import DEAD_LETTERS, PARITY, SNAPSHOTS, OutputDigest, OutputRecords
from ofs.sinks.growing import GrowingFile
from ofs.sinks.whole_folder import WholeFolder

_NAMES: Final = (PARITY, SNAPSHOTS, DEAD_LETTERS)


class FolderSink:
    """OutputSink over one folder. Raises SinkError where it cannot be written; then the folder is as it was."""

    topics: frozenset[str] = frozenset()

    def __init__(self, out: Path | str) -> None:
        self._folder: Final = WholeFolder(out, _NAMES)
        self._files: dict[str, _OutputFile] = {}

    def begin(self, replay_id: str) -> bool:
        """See OutputSink, and WholeFolder."""
        partial = self._folder.begin(replay_id)
        if partial is None:
            return False
        with self._folder.mapped():
            try:
                for name in _NAMES:
                    self._files[name] = _OutputFile(partial / name)
            except OSError:
                self.abort()
                raise
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink."""
        return self._folder.finished_run()

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
        return {name: self._files[name].digest for name in _NAMES}

    def end_chunk(self) -> None:
        """See OutputSink; all of it appears at the commit."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the outputs durable, write certificate and run record, rename the folder."""
        self._folder.check_begun()
        try:
            with self._folder.mapped():
                outputs = {name: file.finish() for name, file in self._files.items()}
            self._folder.publish(run, certificate, outputs)
        except BaseException:
            self.abort()
            raise
        self._files = {}

    def abort(self) -> None:
        """Remove what was not committed; calling it again does nothing."""
        for file in self._files.values():
            file.discard()
        self._files = {}
        self._folder.abort()

    def _put(self, name: str, records: OutputRecords) -> None:
        invariant(name in self._files, "put without begin")
        with self._folder.mapped():
            self._files[name].write(records)


class _OutputFile:
    """A file of lines with its digest. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file: Final = GrowingFile(path)
        self.digest: Final = OutputDigest()

    def write(self, records: OutputRecords) -> None:
        self.digest.add(records)
        self._file.write(records.lines.joined())

    def finish(self) -> dict[str, object]:
        """Make it durable; what run.json says of it."""
        self._file.finish()
        return self.digest.to_dict()

    def discard(self) -> None:
        self._file.discard()
