"""Decision lines are the same at every reading."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pytest

from ofs.errors import SourceError
from ofs.sources.decisions import FileDecisionSource, MemoryDecisionSource

_TEXT = b'{"a":1}\n\n{"b":"\xc3\xbc"}\r\nlast without end'
_LINES = [b'{"a":1}', b"", b'{"b":"\xc3\xbc"}\r', b"last without end"]


@pytest.mark.parametrize("zipped", [False, True])
def test_file_is_read_twice_alike(zipped: bool, tmp_path: Path) -> None:
    """Plain or gzip, whatever the name says: every line counts, only the line end is taken off."""
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(gzip.compress(_TEXT) if zipped else _TEXT)
    source = FileDecisionSource(path)
    assert source.name == "decisions.jsonl"
    assert [list(source.lines()), list(source.lines())] == [_LINES, _LINES]


def test_final_line_end_makes_no_line(tmp_path: Path) -> None:
    """A file that ends as text files do has no empty last line; an empty file has no line."""
    path = tmp_path / "d"
    path.write_bytes(b"a\nb\n")
    assert list(FileDecisionSource(path).lines()) == [b"a", b"b"]
    path.write_bytes(b"")
    assert list(FileDecisionSource(path).lines()) == []


def test_standard_input_is_read_twice_alike() -> None:
    """`-` is copied aside, zipped or not, and both readings may overlap."""
    for data in (_TEXT, gzip.compress(_TEXT)):
        source = FileDecisionSource("-", stdin=io.BytesIO(data))
        assert source.name == "stdin"
        assert list(zip(source.lines(), source.lines(), strict=True)) == [(line, line) for line in _LINES]
        source.close()
        source.close()


def test_pipe_is_read_twice_alike(tmp_path: Path) -> None:
    """A named pipe, as shells make them, can be given as the file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(_TEXT,))
    writer.start()
    source = FileDecisionSource(path)
    assert [list(source.lines()), list(source.lines())] == [_LINES, _LINES]
    writer.join()
    source.close()


def test_file_that_changes_between_readings_is_an_error(tmp_path: Path) -> None:
    """The second reading would not be the first."""
    path = tmp_path / "d"
    path.write_bytes(b"a\nb\n")
    source = FileDecisionSource(path)
    assert len(list(source.lines())) == 2
    path.write_bytes(b"a\nb\nc\n")
    with pytest.raises(SourceError, match="changed while"):
        list(source.lines())


def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    """A missing file, a folder and a cut-off or damaged gzip file are SourceErrors that name the file."""
    cut = tmp_path / "cut.gz"
    zipped = gzip.compress(b"a\n" * 1000)
    cut.write_bytes(zipped[:-9])
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(zipped[:-6] + b"xx" + zipped[-4:])
    broken = tmp_path / "broken.gz"
    broken.write_bytes(zipped[:10] + b"\xff" * 20)
    for path in (tmp_path / "missing", tmp_path, cut, damaged, broken):
        with pytest.raises(SourceError, match=path.name):
            list(FileDecisionSource(path).lines())


def test_memory_source_gives_its_lines_again() -> None:
    """The list it was given, also when that list changes later."""
    lines = [b"a", b"b"]
    source = MemoryDecisionSource(lines, name="m")
    lines.clear()
    assert (source.name, list(source.lines()), list(source.lines())) == ("m", [b"a", b"b"], [b"a", b"b"])
