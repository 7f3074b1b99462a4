"""What is made durable while it grows is the file that it would be without."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofs.errors import SinkError
from ofs.ports import OutputRecords
from ofs.sinks import growing
from ofs.sinks.folder import FolderSink
from ofs.sinks.growing import GrowingFile

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="it has no fdatasync")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=300)), stretch=st.integers(1, 600))
def test_a_file_holds_all_that_was_written_when_stretches_are_settled(
    tmp_path: Path, pieces: list[bytes], stretch: int
) -> None:
    """Whatever the pieces and however long a stretch is, the file is the pieces one after the other."""
    path = tmp_path / "grown"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "STRETCH_BYTES", stretch)
        file = GrowingFile(path)
        for piece in pieces:
            file.write(piece)
        file.finish()
    assert path.read_bytes() == b"".join(pieces)


def test_every_stretch_is_durable_before_the_next_when_a_file_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is made durable after each write that completes a stretch, and once more at its end."""
    path, durable = tmp_path / "grown", []

    def synced(handle: int) -> None:
        durable.append(os.fstat(handle).st_size)

    monkeypatch.setattr(growing, "STRETCH_BYTES", 100)
    monkeypatch.setattr(os, "fdatasync", synced)
    monkeypatch.setattr(os, "fsync", synced)
    file = GrowingFile(path)
    for size in (60, 60, 99, 1, 250, 7):
        file.write(bytes(size))
    file.finish()
    assert durable == [120, 220, 470, 477]


def test_a_sink_raises_its_error_when_a_stretch_cannot_be_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the disk refuses while a file grows ends the run as any error of its sink, and leaves nothing."""

    def refuse(_handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(growing, "STRETCH_BYTES", 1)
    monkeypatch.setattr(os, "fdatasync", refuse)
    sink = FolderSink(tmp_path / "out")
    sink.begin("0" * 64)
    with pytest.raises(SinkError, match="Input/output error"):
        sink.put_parity(OutputRecords.of([("d", b"{}")]))
    sink.abort()
    assert not list(tmp_path.iterdir())
