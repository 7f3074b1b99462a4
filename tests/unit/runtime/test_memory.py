"""What a run says of its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ofs.runtime import memory
from ofs.runtime.memory import peak_memory_bytes

_LARGE = 256 << 20
_TOLD = "from ofs.runtime.memory import peak_memory_bytes; print(peak_memory_bytes())"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="of Linux")
def test_memory_is_not_that_of_whoever_started_the_process() -> None:
    """A process of a large one tells its own peak; the large one tells what it held."""
    held = bytearray(b"x") * _LARGE
    told = subprocess.run([sys.executable, "-c", _TOLD], check=True, capture_output=True, text=True).stdout
    assert 1 << 20 < int(told) < _LARGE
    assert peak_memory_bytes() > len(held)


def test_memory_is_told_where_there_is_no_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the system's resource usage."""
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert peak_memory_bytes() > 1 << 20
