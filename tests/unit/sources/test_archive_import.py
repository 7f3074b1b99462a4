"""Import of NDJSON: what is kept as written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ofs.errors import UsageError
from ofs.sources.archive import ArchiveLog, import_ndjson, verify
from ofs.units import OffsetRange


def _line(partition: int, offset: int, value: str = "{}", key: str = "null", time_us: int = 5) -> bytes:
    return (
        f'{{"partition":{partition},"offset":{offset},"timestamp_us":{time_us},"key":{key},"value":{value}}}\n'
    ).encode()


def _imported(tmp_path: Path, *lines: bytes) -> ArchiveLog:
    import_ndjson(lines, "s", tmp_path)
    return ArchiveLog(tmp_path)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("null", None),
        ('""', b""),
        ('"{\\"a\\": 1}"', b'{"a": 1}'),
        ('"\\u00fc\\n"', "ü\n".encode()),
        ("{}", b"{}"),
        ('{ "b" : 1.50 , "a" : [ 1E5 , -0 ] }', b'{"b":1.50,"a":[1E5,-0]}'),
        ('{"a b":" x \\" y ","c": "\\\\"}', b'{"a b":" x \\" y ","c":"\\\\"}'),
        ('{"n": 123456789012345678901234567890.10}', b'{"n":123456789012345678901234567890.10}'),
        ('{"a": 1, "a": 2}', b'{"a":1,"a":2}'),
    ],
)
def test_value_is_stored_as_written(written: str, stored: bytes | None, tmp_path: Path) -> None:
    """Text is raw, an object loses only its white space: digits, order, escapes and repeated members stay."""
    log = _imported(tmp_path, _line(0, 0, written))
    assert [batch.values for batch in log.read("s", 0, OffsetRange(0, 1), 10)] == [[stored]]


def test_import_covers_from_the_first_to_the_last_offset(tmp_path: Path) -> None:
    """Partitions may be interleaved and have holes; those that no line names are empty."""
    log = _imported(
        tmp_path, _line(3, 10, key='"k"'), _line(0, 7, time_us=9), _line(3, 4096), _line(0, 8, time_us=-1)
    )
    info = log.describe("s")
    assert info is not None
    assert info.log_append
    assert info.topic_id is None
    assert [part.ranges for part in info.partitions] == [
        (OffsetRange(7, 9),),
        (),
        (),
        (OffsetRange(10, 4097),),
    ]
    assert [batch.keys for batch in log.read("s", 3, OffsetRange(10, 4097), 10)] == [[b"k", None]]
    assert log.offset_at("s", 0, 0) == 7
    assert verify(tmp_path).problems == ()


def test_archive_id_depends_on_name_and_content_only(tmp_path: Path) -> None:
    """The same records under the same name are the same log, wherever they lie; another byte is another."""
    lines = [_line(0, 0), _line(1, 0)]
    same = [import_ndjson(lines, "s", tmp_path / name).archive_id for name in ("a", "b")]
    assert same[0] == same[1]
    assert import_ndjson(lines, "t", tmp_path).archive_id != same[0]
    assert import_ndjson([_line(0, 0), _line(1, 1)], "s", tmp_path / "c").archive_id != same[0]


def test_declared_create_times_are_kept(tmp_path: Path) -> None:
    """`create` says that the times are not the broker's."""
    import_ndjson([_line(0, 0)], "s", tmp_path, "create")
    log = ArchiveLog(tmp_path)
    info = log.describe("s")
    assert info is not None
    assert not info.log_append
    assert [batch.ts_types for batch in log.read("s", 0, OffsetRange(0, 1), 1)] == [[1]]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (_line(0, 5), "line 2: partition 0: offset 5 does not ascend, 6 or more was expected"),
        (_line(0, 4), "line 2: partition 0: offset 4 does not ascend"),
        (_line(0, 6, "12"), "line 2: value: found 12; allowed: null, a string"),
        (_line(0, 6, "[1]"), r"line 2: value: found \[1\]"),
        (_line(0, 6, '"\\ud800"'), "line 2: "),
        (_line(0, 6, key="7"), r"line 2: .*key"),
        (_line(-1, 6), r"line 2: .*partition"),
        (_line(10_000, 6), r"line 2: .*partition"),
        (b'{"partition":0,"offset":6,"timestamp_us":1.5,"value":{}}', r"line 2: .*timestamp_us"),
        (b'{"partition":0,"offset":6,"value":{}}', r"line 2: .*timestamp_us"),
        (b'{"partition":0,"offset":6,"timestamp_us":1,"valeu":{}}', r"line 2: .*valeu"),
        (b'{"partition":0,"offset":6,"timestamp_us":1,"value":"\xff"}', "line 2: not UTF-8"),
        (b"", "line 2: "),
        (b"not json", "line 2: "),
        (b'{"partition":0,"offset":6,"timestamp_us":1,"value":' + b'{"a":' * 100_000, "line 2: "),
    ],
)
def test_bad_line_is_refused_with_its_number_and_leaves_nothing(
    second: bytes, message: str, tmp_path: Path
) -> None:
    """One clear error, and no folder under the stream's name."""
    with pytest.raises(UsageError, match=message):
        import_ndjson([_line(0, 5), second], "s", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_existing_target_is_refused_untouched(tmp_path: Path) -> None:
    """An import never extends or replaces an archive."""
    import_ndjson([_line(0, 0)], "s", tmp_path)
    before = (tmp_path / "s" / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        import_ndjson([_line(0, 1)], "s", tmp_path)
    assert (tmp_path / "s" / "manifest.json").read_bytes() == before


def test_leftover_of_a_killed_import_is_replaced(tmp_path: Path) -> None:
    """What a kill has left aside is neither an archive nor in the way."""
    aside = tmp_path / ".s.partial" / "0"
    aside.mkdir(parents=True)
    (aside.parent / "manifest.json").write_text("{}")
    assert ArchiveLog(tmp_path).streams() == []
    import_ndjson([_line(0, 0)], "s", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert verify(tmp_path).unlisted == ()
