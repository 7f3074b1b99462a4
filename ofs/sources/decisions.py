"""Decision lines from a file, standard input or memory: the same lines at every reading."""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Final, overload

from ofs.errors import SourceError

STDIN: Final = "-"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BLOCK_LINES: Final = 1_024
_BLOCK_BYTES: Final = 1 << 20


class MemoryDecisionSource:
    """Decision lines from a list."""

    def __init__(self, lines: Sequence[bytes], name: str = "memory") -> None:
        self.name = name
        self._lines = list(lines)

    def blocks(self) -> Iterator[list[bytes]]:
        """The lines, some at a time."""
        for first in range(0, len(self._lines), _BLOCK_LINES):
            yield self._lines[first : first + _BLOCK_LINES]


class LinesOfText(Sequence[bytes]):
    """Those lines of a text that end before `stop`, with their ends, and `last`, without; None where there is none.

    They are split when one is asked for. The native core takes the text as it is.
    """

    def __init__(self, text: bytes, stop: int, last: bytes | None) -> None:
        self.text: Final = text
        self.stop: Final = stop
        self.last: Final = last
        self._lines: list[bytes] | None = None

    def __len__(self) -> int:
        return len(self._split())

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        return self._split()[at]

    def _split(self) -> list[bytes]:
        if self._lines is None:
            lines = self.text[: self.stop].split(b"\n")
            lines.pop()  # what stands behind the last line end is no line
            self._lines = lines if self.last is None else [*lines, self.last]
        return self._lines


class FileDecisionSource:
    """Decision lines from a file, plain or gzip (told by its first bytes), or from standard input (`-`).

    `name` is the file's name without its folder. Every line counts, also an empty one. What can be read only once,
    standard input or a pipe, is copied to a temporary file at the first reading. A file that changes between the
    start and the end of all readings is a SourceError.
    """

    def __init__(self, path: Path | str, *, stdin: IO[bytes] | None = None) -> None:
        self._path = Path(path)
        self._is_stdin = str(path) == STDIN
        self._stdin = stdin
        self._spool: IO[bytes] | None = None
        self._seen: tuple[int, int, int] | None = None
        self.name = "stdin" if self._is_stdin else self._path.name

    def blocks(self) -> Iterator[LinesOfText]:
        """The lines, some at a time, without the line ends. Raises SourceError."""
        try:
            path = self._readable_twice()
            self._check_unchanged(path)
            with path.open("rb") as file:
                zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
                file.seek(0)
                source = gzip.GzipFile(fileobj=file) if zipped else file
                while (lines := _whole_lines(source)) is not None:
                    yield lines
            self._check_unchanged(path)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"decisions {self.name}: cannot be read: {_reason(error)}") from error

    def close(self) -> None:
        """Remove the copy of what could be read only once; calling it again does nothing."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _check_unchanged(self, path: Path) -> None:
        stat = path.stat()
        found = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if self._seen is not None and found != self._seen:
            raise SourceError(f"decisions {self.name}: the file changed while it was being read")
        self._seen = found

    def _readable_twice(self) -> Path:
        if self._spool is not None:
            return Path(self._spool.name)
        if not self._is_stdin and not (self._path.is_fifo() or self._path.is_char_device()):
            return self._path
        spool = tempfile.NamedTemporaryFile(prefix="ofs-decisions-")  # noqa: SIM115  (lives as long as the source)
        if not self._is_stdin:
            with self._path.open("rb") as pipe:
                shutil.copyfileobj(pipe, spool)
        else:
            shutil.copyfileobj(sys.stdin.buffer if self._stdin is None else self._stdin, spool)
        spool.flush()
        self._spool = spool
        return Path(spool.name)


def _whole_lines(file: BufferedIOBase) -> LinesOfText | None:
    """The lines of the next block of bytes, the last one read to its end; None at the end of the file."""
    block = file.read(_BLOCK_BYTES)
    stop = block.rfind(b"\n") + 1
    last = block[stop:] + file.readline()
    if not block:
        return None
    return LinesOfText(block, stop, last.removesuffix(b"\n") if last else None)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
