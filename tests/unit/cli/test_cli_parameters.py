"""What options hold is checked before anything is read, and a wrong one is named with what is expected."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from ofs.cli.parameters import (
    DEFINITION,
    FEATURE_GROUP,
    FEATURE_KEY,
    Duration,
    Json,
    Timestamp,
    check_folders,
    parse_json,
    read_basis,
    read_cut,
    read_json_file,
)
from ofs.errors import SourceError, UsageError


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Duration(), ["5m", "1us", "2w"], ["5", "0m", "5M", "-5m", " 5m", "1.5h", ""]),
        (
            Timestamp(),
            ["2026-01-05T00:00:00Z", "0001-01-01T00:00:00.123456Z"],
            ["2026-01-05", "2026-01-05T00:00:00", "2026-02-30T00:00:00Z", "2026-01-05T00:00:00+00:00"],
        ),
        (FEATURE_KEY, ["account_id:A1", "a:b:c", "a: "], ["account_id", "account_id:", ":A1", "Account:A1"]),
        (FEATURE_GROUP, ["g:v1", "g_2:v10", "g:latest"], ["g", "g:1", "g:v0", "g:v01", "G:v1", "g:v1 "]),
        (DEFINITION, ["g", "g:v2"], ["g:", "g:latest", "G", ""]),
    ],
)
def test_a_text_option_takes_its_form_alone(kind: click.ParamType, good: list[str], bad: list[str]) -> None:
    """A text of the form stays as it is; any other one is refused with the text and an example."""
    assert [kind.convert(text, None, None) for text in good] == good
    for text in bad:
        with pytest.raises(click.BadParameter, match="is not"):
            kind.convert(text, None, None)


def test_a_cut_is_read_as_it_stands() -> None:
    """Partitions stay texts, offsets numbers, up to the largest offset."""
    assert read_cut({"0": 0, "12": 2**63 - 1}) == {"0": 0, "12": 2**63 - 1}


@pytest.mark.parametrize(
    "cut",
    [
        {},
        [],
        None,
        5,
        {"0": -1},
        {"0": 1.0},
        {"0": True},
        {"0": "1"},
        {"0": None},
        {"0": 2**63},
        {"00": 1},
        {"-1": 1},
        {"x": 1},
        {"2147483648": 1},
        {"٣": 1},
    ],
)
def test_a_wrong_cut_is_named(cut: object) -> None:
    """Anything but partitions with offsets is refused, with the form that is expected."""
    with pytest.raises(ValueError, match=r'expected \{"PARTITION": NEXT_OFFSET'):
        read_cut(cut)


def test_a_basis_is_read_as_it_stands() -> None:
    """Ranges of offsets by stream and partition, an empty one too."""
    assert read_basis({"s": {"0": [0, 100], "1": [5, 5]}}) == {"s": {"0": [0, 100], "1": [5, 5]}}


@pytest.mark.parametrize(
    "basis",
    [
        {},
        [],
        {"s": {}},
        {"s": 1},
        {"s": {"0": 1}},
        {"s": {"0": [1]}},
        {"s": {"0": [2, 1]}},
        {"s": {"0": [0, 1, 2]}},
        {"s": {"0": [0, True]}},
        {"s": {"x": [0, 1]}},
    ],
)
def test_a_wrong_basis_is_named(basis: object) -> None:
    """Anything but ranges by stream and partition is refused, with the form that is expected."""
    with pytest.raises(ValueError, match=r'expected \{"STREAM"'):
        read_basis(basis)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"0": 1', "line 1, column"),
        ('{"0": 1, "0": 2}', "'0' stands twice"),
        ('{"0": NaN}', "not JSON: NaN"),
        ("[" * 100_000, "nested too deeply"),
        ("", "not JSON"),
    ],
)
def test_json_is_read_strictly(text: str, message: str) -> None:
    """What is no JSON, or names a member twice, is refused with the place or the name."""
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_json_may_stand_in_a_file(tmp_path: Path) -> None:
    """`@FILE` reads the JSON from a file; one that is missing is named."""
    (tmp_path / "cut.json").write_text('{"0": 7}', encoding="utf-8")
    assert Json(read_cut).convert(f"@{tmp_path / 'cut.json'}", None, None) == {"0": 7}
    with pytest.raises(click.BadParameter, match=r"nope\.json: No such file"):
        Json(read_cut).convert(f"@{tmp_path / 'nope.json'}", None, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "not UTF-8"),
        (b"{", "not JSON"),
        (b"[1]", r"found \[1\], expected the pins as one JSON object"),
    ],
)
def test_a_json_file_holds_one_object(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that holds no JSON object is named with what it holds."""
    path = tmp_path / "pins.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_json_file(str(path), "the pins")


def test_an_archive_that_is_named_must_be_there(tmp_path: Path) -> None:
    """A folder that is missing is named, of --events and of --archive; a broker is not looked at here."""
    check_folders(f"archive:{tmp_path}", None)
    check_folders("kafka://localhost:9092", str(tmp_path))
    for events, archive in (
        (f"archive:{tmp_path / 'a'}", None),
        ("kafka://h:1", f"archive:{tmp_path / 'a'}"),
    ):
        with pytest.raises(SourceError, match=f"archive {tmp_path / 'a'}: not a folder"):
            check_folders(events, archive)
