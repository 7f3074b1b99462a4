"""Rows as a folder: typed columns, whole or not at all, the same bytes however the rows come in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ofs.engine.reference_rows import column_of
from ofs.errors import RequestConflictError, SinkError
from ofs.ports import OutputRecords, RowColumn, RowField
from ofs.sinks.rows_folder import RowsFolderSink

FIELDS = (
    RowField("offset", "int64", nullable=False),
    RowField("partition", "int32", nullable=False),
    RowField("event_id", "utf8", nullable=False),
    RowField("at", "timestamp"),
    RowField("g.amount", "decimal", 2),
    RowField("g.is_new", "bool"),
    RowField("g.top", "utf8"),
)
VALUES: list[list[Any]] = [
    [1, 0, "a", "2026-01-05T00:00:00.000001Z", "-1.25", True, [["x", 2]]],
    [2**53, 7, "é", None, None, None, None],
    ["9007199254740993", 0, "", "1969-12-31T23:59:59.000000Z", "9" * 36 + ".99", False, []],
]


class Block:
    """Rows given as lists of values."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self) -> list[RowColumn]:
        """See RowBlock."""
        return [column_of(field, [row[place] for row in self._rows]) for place, field in enumerate(FIELDS)]

    def records(self) -> OutputRecords:
        """See RowBlock."""
        return OutputRecords.of([])


def written(out: Path, *blocks: Sequence[Sequence[Any]], replay_id: str = "r1") -> Path:
    """A folder of these rows."""
    sink = RowsFolderSink(out)
    assert sink.begin(replay_id, FIELDS)
    for block in blocks:
        sink.put(Block(block))
    sink.commit({"figure": 7}, {"z": 1})
    return out


def test_values_come_back_in_their_types(tmp_path: Path) -> None:
    """Integers, decimals, times, truth values and lists as JSON are read back by Parquet's own reader."""
    table = pq.read_table(written(tmp_path / "out", VALUES) / "rows.parquet")
    assert [str(kind) for kind in table.schema.types] == [
        *("int64", "int32", "string", "timestamp[us, tz=UTC]", "decimal128(38, 2)", "bool", "string"),
    ]
    assert table.column("offset").to_pylist() == [1, 2**53, 2**53 + 1]
    assert table.column("event_id").to_pylist() == ["a", "é", ""]
    assert table.column("at").cast(pa.int64()).to_pylist() == [1_767_571_200_000_001, None, -1_000_000]
    assert list(map(str, table.column("g.amount").to_pylist())) == ["-1.25", "None", "9" * 36 + ".99"]
    assert table.column("g.is_new").to_pylist() == [True, None, False]
    assert table.column("g.top").to_pylist() == ['[["x",2]]', None, "[]"]
    assert not table.schema.field("offset").nullable


def test_a_committed_folder_holds_rows_certificate_and_run(tmp_path: Path) -> None:
    """Three files with digests and counts in run.json, and nothing beside them."""
    out = written(tmp_path / "new" / "out", VALUES)
    assert sorted(path.name for path in out.iterdir()) == ["certificate.json", "rows.parquet", "run.json"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    run = json.loads((out / "run.json").read_bytes())
    digests = {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest()
        for name in ("rows.parquet", "certificate.json")
    }
    assert {name: entry["sha256"] for name, entry in run["outputs"].items()} == digests
    assert (run["figure"], run["replay_id"], run["outputs"]["rows.parquet"]["records"]) == (7, "r1", 3)


def test_the_file_does_not_depend_on_how_the_rows_came(tmp_path: Path) -> None:
    """One block or many, across row groups: the same bytes."""
    many = [
        [number, 0, f"e{number % 977}", None, f"{number}.00", number % 3 == 0, None]
        for number in range(70_000)
    ]
    whole = written(tmp_path / "whole", many)
    parts = written(tmp_path / "parts", many[:1], [], many[1:40_000], many[40_000:])
    assert (whole / "rows.parquet").read_bytes() == (parts / "rows.parquet").read_bytes()
    assert pq.ParquetFile(whole / "rows.parquet").metadata.num_row_groups == 2


def test_columns_are_told_by_what_they_are_like(tmp_path: Path) -> None:
    """Whole numbers as differences, ids by what they share, other texts by a dictionary, the rest plainly."""
    many = [[number, 0, f"e{number}", None, "1.00", True, "[]"] for number in range(1000)]
    group = pq.ParquetFile(written(tmp_path / "out", many) / "rows.parquet").metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    told = {column.path_in_schema: set(column.encodings) - {"RLE"} for column in columns}
    assert told["offset"] == told["partition"] == told["at"] == {"DELTA_BINARY_PACKED"}
    assert told["event_id"] == {"DELTA_BYTE_ARRAY"}
    assert "RLE_DICTIONARY" in told["g.top"]
    assert told["g.amount"] == {"PLAIN"}
    assert {column.compression for column in columns} == {"ZSTD"}


def test_a_run_without_rows_has_a_file_without_rows(tmp_path: Path) -> None:
    """The columns are there all the same."""
    table = pq.read_table(written(tmp_path / "out") / "rows.parquet")
    assert (table.num_rows, table.column_names) == (0, [field.name for field in FIELDS])


def test_nothing_is_visible_after_an_abort(tmp_path: Path) -> None:
    """Neither the folder nor a part of it is left."""
    sink = RowsFolderSink(tmp_path / "out")
    sink.begin("r1", FIELDS)
    sink.put(Block(VALUES))
    assert not (tmp_path / "out").exists()
    sink.abort()
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_finished_folder_is_verified_and_kept(tmp_path: Path) -> None:
    """The same run finds it finished; another one, and foreign files, are refused; damage is found."""
    out = written(tmp_path / "out", VALUES)
    again = RowsFolderSink(out)
    assert not again.begin("r1", FIELDS)
    assert again.finished_run()["figure"] == 7
    with pytest.raises(RequestConflictError, match="holds the outputs of run r1"):
        RowsFolderSink(out).begin("r2", FIELDS)
    with (out / "rows.parquet").open("r+b") as file:
        file.seek(40)
        file.write(b"\xff")
    with pytest.raises(SinkError, match="damaged"):
        RowsFolderSink(out).begin("r1", FIELDS)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    with pytest.raises(RequestConflictError, match=r"holds no run\.json"):
        RowsFolderSink(tmp_path / "other").begin("r1", FIELDS)


def test_what_cannot_be_written_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    """A parent that is a file."""
    (tmp_path / "file").touch()
    with pytest.raises(SinkError):
        RowsFolderSink(tmp_path / "file" / "out").begin("r1", FIELDS)
    with pytest.raises(RequestConflictError, match="not a folder"):
        RowsFolderSink(tmp_path / "file").begin("r1", FIELDS)
