"""A file that is made durable while it grows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Final

STRETCH_BYTES: Final = 16 * 1024 * 1024
"""How much is written before it is made durable."""


class GrowingFile:
    """A new file, written from its beginning to its end. Raises OSError.

    Each stretch is made durable beside the work that goes on, so that the end does not wait for all of them. It then
    leaves the page cache, whose pages serve the next stretch: memory that was never used costs more to write to than
    the disk does.
    """

    def __init__(self, path: Path) -> None:
        self._file: Final[IO[bytes]] = path.open("wb", buffering=1024 * 1024)
        self._fresh_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append the bytes."""
        self._file.write(data)
        self._fresh_bytes += len(data)
        if self._fresh_bytes >= STRETCH_BYTES:
            self.settle()

    def settle(self) -> None:
        """Make durable what was written."""
        self._file.flush()
        handle = self._file.fileno()
        if sys.platform == "darwin":
            os.fsync(handle)
        else:
            os.fdatasync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        self._fresh_bytes = 0

    def finish(self) -> None:
        """Make all of it durable, and close it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Close it, also where the disk is full; whoever does so removes it next."""
        try:
            self._file.close()
        except OSError:
            return
