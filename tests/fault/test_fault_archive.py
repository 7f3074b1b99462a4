"""The archive under real kills and signals, in processes of their own."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ofs.sources.archive import Manifest, export, verify
from ofs.sources.archive.manifest import load_manifest
from ofs.sources.memory import MemoryLog, Record

LIMIT_S: Final = 60
RECORDS: Final = 30_000
KILLS: Final = 5
# many small files, so that a kill falls between two of them, and within one
SMALL_FILES: Final = (
    "import sys, ofs.sources.archive.write as write; write.FILE_OFFSETS = 500; "
    "from ofs.cli.main import main; sys.exit(main(sys.argv[1:]))"
)


def log_of(count: int) -> MemoryLog:
    """One stream of two partitions."""
    log = MemoryLog()
    log.create("s", 2, topic_id="t1")
    for partition in range(2):
        log.append("s", partition, *(Record(b"value %d" % n, b"k", log_ts_us=n) for n in range(count)))
    return log


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that the commands read."""
    folder = tmp_path_factory.mktemp("source")
    export(log_of(RECORDS), "s", folder)
    return folder


def command(source: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    arguments = (
        "archive",
        "export",
        "--events",
        f"archive:{source}",
        "--stream",
        "s",
        "--out",
        str(out),
        *more,
    )
    return subprocess.Popen(
        [sys.executable, "-c", SMALL_FILES, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def manifest_of(out: Path) -> Manifest:
    manifest = load_manifest(out / "s")
    assert manifest is not None
    return manifest


def until(process: subprocess.Popen[str], condition: Callable[[], bool], step_s: float = 0.05) -> None:
    """Wait for the condition while the process runs."""
    for _ in range(int(LIMIT_S / step_s)):
        if condition():
            return
        try:
            process.wait(step_s)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"it ended: {process.communicate()}")
    pytest.fail("the condition did not come true")


def files_of(out: Path) -> int:
    """Finished and unfinished files."""
    return len(list(out.glob("s/*/*.parquet*")))


@pytest.mark.slow
def test_an_export_that_is_killed_goes_on_and_ends_equal(source: Path, tmp_path: Path) -> None:
    """Killed after a drawn number of files, again and again, it is sound each time, and in the end it is the same."""
    assert ended(command(source, tmp_path / "whole"))[0] == 0
    chance = random.Random(5)
    out, ends = tmp_path / "out", []
    for _ in range(KILLS):
        target = files_of(out) + chance.randint(1, 18)
        process = command(source, out)
        until(process, lambda target=target: files_of(out) >= target, 0.001)  # type: ignore[misc]  # bound now
        process.send_signal(signal.SIGKILL)
        assert ended(process)[0] == -signal.SIGKILL
        manifest = load_manifest(out / "s")
        if manifest is not None:
            assert verify(out).problems == ()
            ends.append(sum(entry.end for entry in manifest.partitions))
    assert ends == sorted(ends)
    assert 0 < ends[0] < ends[-1] < 2 * RECORDS
    assert ended(command(source, out))[0] == 0
    whole, found = manifest_of(tmp_path / "whole"), manifest_of(out)
    assert [part.content_root for part in found.partitions] == [
        part.content_root for part in whole.partitions
    ]
    assert [part.blocks for part in found.partitions] == [part.blocks for part in whole.partitions]
    assert verify(out).is_sound


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_follower_takes_what_comes_and_ends_in_order(number: signal.Signals, tmp_path: Path) -> None:
    """It archives what the log gets while it runs; Ctrl-C and SIGTERM end it with 0, and the archive is sound."""
    source, out = tmp_path / "source", tmp_path / "out"
    log = log_of(100)
    export(log, "s", source)
    process = command(source, out, "--follow", "--flush-every", "1ms", "--json")
    try:
        until(process, lambda: load_manifest(out / "s") is not None)
        log.append("s", 1, *(Record(b"later %d" % n) for n in range(50)))
        export(log, "s", source)
        until(process, lambda: manifest_of(out).partitions[1].end == 150)
        process.send_signal(number)
        code, told, err = ended(process)
    finally:
        process.kill()
        process.communicate()
    assert (code, err) == (0, "")
    assert [part["end"] for part in json.loads(told)["partitions"]] == [100, 150]
    assert verify(out).is_sound
    assert verify(out).unlisted == ()
    expected, found = manifest_of(source), manifest_of(out)
    assert [part.content_root for part in found.partitions] == [
        part.content_root for part in expected.partitions
    ]
