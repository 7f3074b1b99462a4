"""An archive that follows a stream: when files are written, how it ends, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ofs.errors import ArchiveError, SourceError, TopicMissingError
from ofs.ports import StreamInfo
from ofs.sources.archive import Manifest, Pace, export, follow, verify
from ofs.sources.memory import MemoryLog, Record

PACE = Pace(records=10, seconds=60.0, patience_s=5.0)


class Life:
    """A clock, and the stop: at each wait a second passes and the next thing happens; after the last one it stops."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self._happenings = list(happenings)
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        self.now_s += timeout
        if not self._happenings:
            return True
        self._happenings.pop(0)()
        return False


class Fragile(MemoryLog):
    """A log that cannot be reached while it is down."""

    is_down = False

    def describe(self, stream: str) -> StreamInfo | None:
        if self.is_down:
            raise SourceError("no broker answers")
        return super().describe(stream)

    def go(self, *, down: bool) -> None:
        self.is_down = down


def log_of(count: int) -> Fragile:
    log = Fragile()
    log.create("s", 2)
    grow(log, count)
    return log


def grow(log: MemoryLog, count: int, partition: int = 0) -> None:
    log.append("s", partition, *(Record(b"v%d" % number, log_ts_us=number) for number in range(count)))


def nothing() -> None:
    """Time passes."""


def files(manifest: Manifest, partition: int = 0) -> list[tuple[int, int]]:
    return [(file.start, file.end) for file in manifest.partitions[partition].files]


def test_what_is_new_becomes_a_file_when_there_is_enough(tmp_path: Path) -> None:
    """What is there is written at once; later records wait until they are so many, over all partitions."""
    log = log_of(3)
    life = Life(lambda: grow(log, 9), nothing, lambda: grow(log, 1, 1), lambda: grow(log, 9))
    manifest = follow(log, "s", tmp_path, PACE, life, clock=life.clock)
    assert files(manifest) == [(0, 3), (3, 12)]
    assert files(manifest, 1) == [(0, 1)]
    assert verify(tmp_path).is_sound


def test_what_is_new_becomes_a_file_when_it_has_waited_long_enough(tmp_path: Path) -> None:
    """A single record is written once it has been seen for the time that is allowed, and not before."""
    log = log_of(0)
    life = Life(nothing, lambda: grow(log, 1), *[nothing] * 61)
    seen: list[tuple[float, int]] = []
    manifest = follow(
        log,
        "s",
        tmp_path,
        PACE,
        life,
        clock=life.clock,
        progress=lambda done, _: seen.append((life.now_s, done)),
    )
    assert files(manifest) == [(0, 1)]
    assert [moment for moment, done in seen if done == 1] == [62.0]


def test_a_followed_archive_equals_one_written_at_once(tmp_path: Path) -> None:
    """However it grew, its blocks and roots are those of an export of the whole, partitions that were added too."""
    log = log_of(5_000)
    life = Life(*[lambda: grow(log, 700)] * 8, lambda: grow(log, 20, 2), nothing)
    grown = follow(log, "s", tmp_path / "grown", PACE, life, clock=life.clock)
    whole = export(log, "s", tmp_path / "whole")
    assert [part.content_root for part in grown.partitions] == [
        part.content_root for part in whole.partitions
    ]
    assert [part.blocks for part in grown.partitions] == [part.blocks for part in whole.partitions]
    assert len(grown.partitions[0].files) == 9


def test_what_was_read_is_finished_when_it_is_stopped(tmp_path: Path) -> None:
    """Stopped between two batches, the records so far are a sound, shorter archive, and the next run goes on."""
    log = log_of(20_000)

    class Soon(Life):
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 2

    manifest = follow(log, "s", tmp_path, PACE, Soon(), clock=lambda: 0.0)
    assert files(manifest) == [(0, 8_192)]
    assert verify(tmp_path).is_sound
    assert files(follow(log, "s", tmp_path, PACE, Life(), clock=lambda: 0.0)) == [(0, 8_192), (8_192, 20_000)]


def test_a_log_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    """A broker that is away for less than the patience is said once, and followed again."""
    log = log_of(1)
    said: list[str] = []
    life = Life(
        lambda: log.go(down=True), nothing, nothing, lambda: log.go(down=False), lambda: grow(log, 10)
    )
    manifest = follow(log, "s", tmp_path, PACE, life, clock=life.clock, notice=said.append)
    assert files(manifest) == [(0, 1), (1, 11)]
    assert said == ["no broker answers; trying again for 5 s"]


def test_a_log_that_stays_away_is_an_error(tmp_path: Path) -> None:
    """Away for longer than the patience, or from the beginning, it ends with the log's own error."""
    log = log_of(1)
    life = Life(lambda: log.go(down=True), *[nothing] * 20)
    with pytest.raises(SourceError, match="no broker answers"):
        follow(log, "s", tmp_path, PACE, life, clock=life.clock)
    assert life.now_s == 6.0
    with pytest.raises(SourceError, match="no broker answers"):
        follow(log, "s", tmp_path / "other", PACE, Life(), clock=life.clock)


def test_another_topic_of_the_name_ends_it(tmp_path: Path) -> None:
    """A topic that was deleted or re-created is never waited for: the archive is of the one before."""
    log = log_of(1)

    def recreate() -> None:
        log.recreate("s")
        grow(log, 30)

    with pytest.raises(ArchiveError, match="the archive is of topic id"):
        follow(log, "s", tmp_path, PACE, Life(recreate, nothing), clock=lambda: 0.0)
    with pytest.raises(TopicMissingError):
        follow(MemoryLog(), "s", tmp_path / "other", PACE, Life(), clock=lambda: 0.0)
