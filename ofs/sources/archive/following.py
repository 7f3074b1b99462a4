"""Follow: an archive that keeps up with a stream, so that it stays ahead of retention."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ofs.errors import ArchiveError, SourceError, TopicMissingError
from ofs.ports import EventLog, StreamInfo
from ofs.sources.archive.exporting import Extension, described
from ofs.sources.archive.manifest import Manifest, stream_folder
from ofs.sources.archive.write import Progress, exclusive

POLL_S: Final = 1.0


class Stop(Protocol):
    """Says when following ends: a `threading.Event`, or what behaves like one."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool:
        """Wait up to so many seconds; whether it is set."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When what is new becomes files: at so many offsets, or when the first of them has waited so long.

    `patience_s`: how long a log that cannot be reached is waited for.
    """

    records: int = 100_000
    seconds: float = 60.0
    patience_s: float = 300.0


def follow(
    log: EventLog,
    stream: str,
    out: Path,
    pace: Pace,
    stop: Stop,
    *,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _text: None,
    clock: Callable[[], float] = time.monotonic,
) -> Manifest:
    """Archive what the log holds and what comes, until it is stopped; then what was read so far is finished.

    Effects: as `export`; the manifest is replaced after each file, and the stream's folder is held meanwhile.
    A log that cannot be reached is tried again. Raises SourceError where that lasts, TopicMissingError, ArchiveError,
    SinkError.
    """
    with exclusive(stream_folder(out, stream)):
        follower = _Follower(log, stream, out, pace, stop, progress, notice, clock)
        while True:
            manifest = follower.look()
            if stop.wait(POLL_S):
                return manifest


class _Follower:
    def __init__(
        self,
        log: EventLog,
        stream: str,
        out: Path,
        pace: Pace,
        stop: Stop,
        progress: Progress | None,
        notice: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._log: Final = log
        self._stream: Final = stream
        self._out: Final = out
        self._pace: Final = pace
        self._stop: Final = stop
        self._progress: Final = progress
        self._notice: Final = notice
        self._clock: Final = clock
        self._waiting_since: float | None = None
        self._unreachable_since: float | None = None
        self._manifest: Manifest | None = None

    def look(self) -> Manifest:
        """Archive what is new, where there is enough of it, or it has waited long enough; the archive as it is then."""
        try:
            info = described(self._log, self._stream)
            if self._manifest is None or self._is_due(info, self._manifest):
                extension = Extension(self._log, self._out, info, self._progress)
                self._manifest = extension.archive(self._stop.is_set)
                self._waiting_since = None
            self._unreachable_since = None
            return self._manifest
        except (ArchiveError, TopicMissingError):
            raise
        except SourceError as error:
            if self._manifest is None:
                raise
            self._wait_for(error)
            return self._manifest

    def _is_due(self, info: StreamInfo, manifest: Manifest) -> bool:
        ends = [entry.end for entry in manifest.partitions]
        ends += [part.low for part in info.partitions[len(ends) :]]
        news = sum(part.end - end for part, end in zip(info.partitions, ends, strict=False))
        if news == 0:
            return False
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        return news >= self._pace.records or now - self._waiting_since >= self._pace.seconds

    def _wait_for(self, error: SourceError) -> None:
        """Raises the error again where the log has not been reached for too long."""
        now = self._clock()
        if self._unreachable_since is None:
            self._unreachable_since = now
            self._notice(f"{error.message}; trying again for {self._pace.patience_s:g} s")
        if now - self._unreachable_since >= self._pace.patience_s:
            raise error
