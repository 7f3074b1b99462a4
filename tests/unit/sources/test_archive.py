"""The archive: damage, gaps, extension, kills."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from ofs.canonical import sha256_hex
from ofs.canonical.content import ContentDigest
from ofs.errors import ArchiveError, SinkError, SourceError, TopicMissingError
from ofs.ports import RecordBatch
from ofs.sources.archive import ArchiveLog, export, verify
from ofs.sources.archive import write as archive_write
from ofs.sources.archive.parquet import ROW_GROUP_RECORDS, ParquetWriter, read_records
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange


def _log(count: int = 100, *, log_append: bool = True) -> MemoryLog:
    log = MemoryLog()
    log.create("s", 2, log_append=log_append)
    _append(log, count)
    return log


def _append(log: MemoryLog, count: int) -> None:
    info = log.describe("s")
    assert info is not None
    end = info.partitions[0].end
    log.append("s", 0, *(Record(b"v%d" % n, b"k", log_ts_us=n * 1000) for n in range(end, end + count)))


def _values(log: ArchiveLog, start: int, end: int) -> list[bytes | None]:
    return [value for batch in log.read("s", 0, OffsetRange(start, end), 7) for value in batch.values]


def _file(root: Path, start: int = 0) -> Path:
    return root / "s" / "0" / f"{start:020d}.parquet"


def test_export_records_what_the_log_is(tmp_path: Path) -> None:
    """Manifest, description and content root are those of the log."""
    log = _log()
    manifest = export(log, "s", tmp_path)
    source, archived = log.describe("s"), ArchiveLog(tmp_path).describe("s")
    assert source is not None
    assert archived is not None
    assert (archived.log_id, archived.topic_id, archived.log_append) == (source.log_id, source.topic_id, True)
    assert [part.ranges for part in archived.partitions] == [part.ranges for part in source.partitions]
    digest = ContentDigest()
    for batch in log.read("s", 0, OffsetRange(0, 100), 9):
        digest.update(batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers)
    assert manifest.partitions[0].content_root == digest.root()


@pytest.mark.parametrize("steps", [[1, 99], [50, 50], [30, 30, 40], [4096, 4096], [5000, 1, 4000]])
def test_extended_archive_equals_one_written_at_once(steps: list[int], tmp_path: Path) -> None:
    """However an archive grew, its digests are those of the whole."""
    log = _log(0)
    for step in steps:
        _append(log, step)
        export(log, "s", tmp_path / "grown")
    grown = export(log, "s", tmp_path / "grown")
    whole = export(log, "s", tmp_path / "whole")
    assert grown.partitions[0].content_root == whole.partitions[0].content_root
    assert grown.partitions[0].blocks == whole.partitions[0].blocks
    assert len(grown.partitions[0].files) == len(steps)
    assert verify(tmp_path / "grown").problems == ()
    assert _values(ArchiveLog(tmp_path / "grown"), 0, sum(steps)) == [b"v%d" % n for n in range(sum(steps))]


def test_files_end_at_their_boundary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long range is cut into files at fixed offsets, also where holes span several of them."""
    monkeypatch.setattr(archive_write, "FILE_OFFSETS", 10)
    log = MemoryLog()
    log.append("s", 0, *(Record(b"x", offset=o) for o in (3, 9, 10, 19, 45, 46)))
    log.advance("s", 0, 70)
    files = export(log, "s", tmp_path).partitions[0].files
    assert [(file.start, file.end, file.records) for file in files] == [(0, 10, 2), (10, 20, 2), (20, 70, 2)]
    assert verify(tmp_path).problems == ()


def test_holes_at_the_end_are_covered(tmp_path: Path) -> None:
    """Control records at the end, or a range of nothing else, count as archived."""
    log = _log(3)
    log.advance("s", 0, 8)
    log.advance("s", 1, 5)
    export(log, "s", tmp_path)
    archive = ArchiveLog(tmp_path)
    info = archive.describe("s")
    assert info is not None
    assert [part.ranges for part in info.partitions] == [(OffsetRange(0, 8),), (OffsetRange(0, 5),)]
    assert list(archive.read("s", 1, OffsetRange(0, 5), 10)) == []
    assert _values(archive, 2, 8) == [b"v2"]


def test_a_file_is_not_held_whole_while_it_is_read(tmp_path: Path) -> None:
    """What a reader holds grows with a row group, not with the file."""
    path, groups = tmp_path / "large.parquet", 4
    writer = ParquetWriter(path)
    for group in range(groups):
        first = group * ROW_GROUP_RECORDS
        offsets = list(range(first, first + ROW_GROUP_RECORDS))
        values: list[bytes | None] = [os.urandom(100) for _ in offsets]
        same = [0] * ROW_GROUP_RECORDS
        writer.write(RecordBatch("s", 0, offsets, same, same, [None] * ROW_GROUP_RECORDS, values, None))
    writer.close()
    before = pa.total_allocated_bytes()
    span = OffsetRange(0, groups * ROW_GROUP_RECORDS)
    reader = read_records(path, stream="s", partition=0, span=span, max_records=1000)
    assert len(next(reader)) == 1000
    assert pa.total_allocated_bytes() - before < path.stat().st_size // 2
    assert 1000 + sum(map(len, reader)) == span.end


def test_export_without_news_changes_nothing(tmp_path: Path) -> None:
    """The same log exported again is the same archive."""
    log = _log()
    export(log, "s", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    export(log, "s", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_gap_left_by_retention_shows_in_the_ranges(tmp_path: Path) -> None:
    """What was removed before it could be archived is a gap, and reading it fails."""
    log = _log(20)
    export(log, "s", tmp_path)
    _append(log, 20)
    log.delete_records("s", 0, 30)
    export(log, "s", tmp_path)
    archive = ArchiveLog(tmp_path)
    info = archive.describe("s")
    assert info is not None
    assert info.partitions[0].ranges == (OffsetRange(0, 20), OffsetRange(30, 40))
    with pytest.raises(ArchiveError, match=r"not archived: \[20, 30\)"):
        _values(archive, 10, 35)
    report = verify(tmp_path)
    assert report.problems == ()
    assert report.streams[0].partitions[0].gaps == (OffsetRange(20, 30),)


def test_missing_file_is_left_out_of_the_ranges(tmp_path: Path) -> None:
    """A file that is gone is a gap for reading and a problem for verify."""
    log = _log(20)
    export(log, "s", tmp_path)
    _append(log, 20)
    export(log, "s", tmp_path)
    _file(tmp_path).unlink()
    info = ArchiveLog(tmp_path).describe("s")
    assert info is not None
    assert info.partitions[0].ranges == (OffsetRange(20, 40),)
    assert info.partitions[0].low == 20
    assert verify(tmp_path).problems == (f"{_file(tmp_path)}: missing",)


def test_every_flipped_byte_of_a_file_is_found(tmp_path: Path) -> None:
    """A damaged file is never read: the error names file, expected and found; verify reports the same."""
    export(_log(5), "s", tmp_path)
    path = _file(tmp_path)
    good = path.read_bytes()
    for position in range(0, len(good), 37):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(ArchiveError, match="SHA-256 expected") as caught:
            _values(ArchiveLog(tmp_path), 0, 5)
        assert str(path) in caught.value.message
        assert not verify(tmp_path).is_sound
    path.write_bytes(good[:-1])
    with pytest.raises(ArchiveError, match="size expected"):
        _values(ArchiveLog(tmp_path), 0, 5)


def test_file_that_is_damaged_after_it_was_verified_is_checked_again(tmp_path: Path) -> None:
    """One reader notices a file that changes under it."""
    export(_log(5), "s", tmp_path)
    archive = ArchiveLog(tmp_path)
    assert len(_values(archive, 0, 5)) == 5
    path = _file(tmp_path)
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    with pytest.raises(ArchiveError, match="damaged"):
        _values(archive, 0, 5)


def test_every_changed_number_of_the_manifest_is_found(tmp_path: Path) -> None:
    """The manifest holds its own digest; other members, formats and text are refused."""
    export(_log(5), "s", tmp_path)
    path = tmp_path / "s" / "manifest.json"
    text = path.read_text()
    for changed in (
        text.replace('"end":5', '"end":9'),
        text.replace('"partition":1', '"partition":2'),
        text.replace("ofs-archive/v1", "ofs-archive/v2"),
        text[:-20],
        "[]",
        "{}",
        "",
    ):
        assert changed != text
        path.write_text(changed)
        with pytest.raises(ArchiveError, match="manifest"):
            ArchiveLog(tmp_path).describe("s")
        assert not verify(tmp_path).is_sound


def test_manifest_with_a_right_digest_but_wrong_members_is_refused(tmp_path: Path) -> None:
    """A valid digest does not make an impossible manifest possible."""
    export(_log(5), "s", tmp_path)
    path = tmp_path / "s" / "manifest.json"
    members = json.loads(path.read_text())
    del members["manifest_sha256"]
    members["partitions"][0]["files"][0]["end"] = 0
    text = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**members, "manifest_sha256": sha256_hex(text)}))
    with pytest.raises(ArchiveError, match=r"partitions\.0"):
        ArchiveLog(tmp_path).describe("s")


def test_verify_recomputes_content_digests(tmp_path: Path) -> None:
    """A manifest whose content root is not that of its files is reported."""
    export(_log(5), "s", tmp_path)
    path = tmp_path / "s" / "manifest.json"
    members = json.loads(path.read_text())
    del members["manifest_sha256"]
    members["partitions"][0]["content_root"] = "0" * 64
    text = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**members, "manifest_sha256": sha256_hex(text)}))
    problems = verify(tmp_path).problems
    assert len(problems) == 1
    assert "content root: expected 0000" in problems[0]


def test_failing_export_leaves_the_old_archive_valid(tmp_path: Path) -> None:
    """A log that fails half-way costs only what was not yet archived; the next export completes it."""

    class Failing(MemoryLog):
        fails_at: int | None = None

        def read(self, stream: str, partition: int, span: OffsetRange, max_records: int):  # type: ignore[no-untyped-def]  # as MemoryLog
            for batch in super().read(stream, partition, span, 10):
                if self.fails_at is not None and batch.offsets[-1] >= self.fails_at:
                    raise SourceError("gone")
                yield batch

    log = Failing()
    log.create("s", 2)
    _append(log, 50)
    export(log, "s", tmp_path)
    _append(log, 50)
    log.fails_at = 80
    with pytest.raises(SourceError, match="gone"):
        export(log, "s", tmp_path)
    assert verify(tmp_path).problems == ()
    assert verify(tmp_path).unlisted == ()
    assert len(_values(ArchiveLog(tmp_path), 0, 50)) == 50
    log.fails_at = None
    assert export(log, "s", tmp_path).partitions[0].content_root == (
        export(log, "s", tmp_path / "whole").partitions[0].content_root
    )


def test_leftovers_of_a_kill_are_ignored_and_overwritten(tmp_path: Path) -> None:
    """Files without a manifest entry are reported by verify, ignored by readers, replaced by the next export."""
    log = _log(10)
    export(log, "s", tmp_path)
    for name in (f"{10:020d}.parquet", f"{10:020d}.parquet.partial"):
        (tmp_path / "s" / "0" / name).write_bytes(b"half a file")
    assert len(verify(tmp_path).unlisted) == 2
    assert len(_values(ArchiveLog(tmp_path), 0, 10)) == 10
    _append(log, 10)
    export(log, "s", tmp_path)
    assert len(_values(ArchiveLog(tmp_path), 0, 20)) == 20
    assert verify(tmp_path).unlisted == ()


def test_export_refuses_what_would_mix_two_topics(tmp_path: Path) -> None:
    """Another topic id, a shorter log and a compacted one are refused; a missing one is TopicMissingError."""
    log = _log(10)
    export(log, "s", tmp_path)
    log.recreate("s")
    with pytest.raises(ArchiveError, match="topic id"):
        export(log, "s", tmp_path)
    shorter = MemoryLog()
    shorter.create("s", 2, topic_id="memory-1-s")
    with pytest.raises(ArchiveError, match="archive ends at 10"):
        export(shorter, "s", tmp_path)
    log.compact("s")
    with pytest.raises(SourceError, match="compacted"):
        export(log, "s", tmp_path / "new")
    with pytest.raises(TopicMissingError):
        export(log, "other", tmp_path)


def test_timestamps_are_the_brokers_only_where_all_of_them_are(tmp_path: Path) -> None:
    """An archive that was once extended by create times is not log-append any more."""
    log = _log(5)
    assert export(log, "s", tmp_path).timestamps == "log-append"
    topic = log.describe("s")
    assert topic is not None
    other = MemoryLog()
    other.create("s", 2, log_append=False, topic_id=topic.topic_id)
    _append(other, 9)
    assert export(other, "s", tmp_path).timestamps == "create"


def test_added_partitions_are_archived(tmp_path: Path) -> None:
    """A partition that the topic gained stands in the next export."""
    log = _log(5)
    export(log, "s", tmp_path)
    log.append("s", 2, Record(b"new"))
    assert [entry.end for entry in export(log, "s", tmp_path).partitions] == [5, 0, 1]


@pytest.mark.parametrize("stream", ["a/b", "..", ".hidden", "ü", "a b%2F", "plain-name_1.v2"])
def test_any_stream_name_has_a_safe_folder(stream: str, tmp_path: Path) -> None:
    """A name never leaves the archive's folder and is found again."""
    log = MemoryLog()
    log.append(stream, 0, Record(b"x"))
    export(log, stream, tmp_path)
    assert [path.parent.parent for path in tmp_path.rglob("manifest.json")] == [tmp_path]
    assert ArchiveLog(tmp_path).streams() == [stream]
    info = ArchiveLog(tmp_path).describe(stream)
    assert info is not None
    assert info.stream == stream


def test_progress_counts_to_the_total(tmp_path: Path) -> None:
    """The last call says that all is done."""
    calls: list[tuple[int, int | None]] = []
    export(_log(100), "s", tmp_path, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (100, 100)
    verify(tmp_path, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (100, 100)


def test_unwritable_target_is_a_sink_error(tmp_path: Path) -> None:
    """A file where the folder should be is one clear error; nothing that is no archive verifies."""
    target = tmp_path / "file"
    target.write_text("")
    with pytest.raises(SinkError):
        export(_log(1), "s", target)
    with pytest.raises(ArchiveError, match="holds no archive"):
        verify(tmp_path)
