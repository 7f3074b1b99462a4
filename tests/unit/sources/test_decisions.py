"""Decision lines are the same at every reading."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pytest

from ofs.errors import SourceError
from ofs.ports import DecisionSource
from ofs.sources.decisions import FileDecisionSource, MemoryDecisionSource

_TEXT = b'{"a":1}\n\n{"b":"\xc3\xbc"}\r\nlast without end'
_LINES = [b'{"a":1}', b"", b'{"b":"\xc3\xbc"}\r', b"last without end"]


def lines(source: DecisionSource) -> list[bytes]:
    """All of them, one after the other."""
    return [line for block in source.blocks() for line in block]


@pytest.mark.parametrize("zipped", [False, True])
def test_file_is_read_twice_alike(zipped: bool, tmp_path: Path) -> None:
    """Plain or gzip, whatever the name says: every line counts, only the line end is taken off."""
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(gzip.compress(_TEXT) if zipped else _TEXT)
    source = FileDecisionSource(path)
    assert source.name == "decisions.jsonl"
    assert [lines(source), lines(source)] == [_LINES, _LINES]


def test_final_line_end_makes_no_line(tmp_path: Path) -> None:
    """A file that ends as text files do has no empty last line; an empty file has no line."""
    path = tmp_path / "d"
    path.write_bytes(b"a\nb\n")
    assert lines(FileDecisionSource(path)) == [b"a", b"b"]
    path.write_bytes(b"")
    assert lines(FileDecisionSource(path)) == []


@pytest.mark.parametrize("zipped", [False, True])
def test_blocks_end_at_line_ends(zipped: bool, tmp_path: Path) -> None:
    """However long the lines are, none is split; each block holds some, and one that follows an empty line, too."""
    sizes = [0, (1 << 20) - 2, 0, 0, 5, 3 << 20, 0, *[1_000] * 5_000, 1 << 20, 0]
    text = b"".join(b"x" * size + b"\n" for size in sizes)
    path = tmp_path / "d"
    for ending in (b"", b"y", b"\n"):
        path.write_bytes(gzip.compress(text + ending, 1) if zipped else text + ending)
        blocks = list(FileDecisionSource(path).blocks())
        assert 5 < len(blocks) < 20
        assert all(blocks)
        found = [len(line) for block in blocks for line in block]
        assert found == [*sizes, *[len(ending.strip())] * bool(ending)]


def test_standard_input_is_read_twice_alike() -> None:
    """`-` is copied aside, zipped or not, and both readings may overlap."""
    for data in (_TEXT, gzip.compress(_TEXT)):
        source = FileDecisionSource("-", stdin=io.BytesIO(data))
        assert source.name == "stdin"
        both = [(list(one), list(other)) for one, other in zip(source.blocks(), source.blocks(), strict=True)]
        assert both == [(_LINES, _LINES)]
        source.close()
        source.close()


def test_pipe_is_read_twice_alike(tmp_path: Path) -> None:
    """A named pipe, as shells make them, can be given as the file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(_TEXT,))
    writer.start()
    source = FileDecisionSource(path)
    assert [lines(source), lines(source)] == [_LINES, _LINES]
    writer.join()
    source.close()


def test_file_that_changes_between_readings_is_an_error(tmp_path: Path) -> None:
    """The second reading would not be the first."""
    path = tmp_path / "d"
    path.write_bytes(b"a\nb\n")
    source = FileDecisionSource(path)
    assert len(lines(source)) == 2
    path.write_bytes(b"a\nb\nc\n")
    with pytest.raises(SourceError, match="changed while"):
        lines(source)


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
            lines(FileDecisionSource(path))


def test_memory_source_gives_its_lines_again() -> None:
    """The list it was given, also when that list changes later."""
    given = [b"a", b"b"]
    source = MemoryDecisionSource(given, name="m")
    given.clear()
    assert (source.name, lines(source), lines(source)) == ("m", [b"a", b"b"], [b"a", b"b"])
    many = [b"%d" % number for number in range(3_000)]
    assert lines(MemoryDecisionSource(many)) == many
