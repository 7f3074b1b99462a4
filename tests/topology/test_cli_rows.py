"""`ofs rows` and `ofs.rows` on a small card log."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import ofs
from ofs.cli.main import root
from ofs.contracts import CutCertificate, EventRow, RowsRunRecord
from ofs.errors import ExitCode, NotCheckableError, SinkError, UsageError
from ofs.features import Registry, read_definition
from ofs.ports import RowBlock
from ofs.sinks.rows_memory import RowsMemorySink
from ofs.sources.memory import MemoryLog, Record
from tests.unit.cli.scene import PINS, Scene, build
from tests.unit.cli.write_reference import ROWS_RESULT
from topologies.card_payments.generator import STREAM


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log as an archive."""
    return build(tmp_path_factory.mktemp("scene"))


def run(*arguments: str | Path) -> Result:
    """A command line in this process."""
    return CliRunner().invoke(root, ["rows", *map(str, arguments)])


def options(scene: Scene, out: Path, *more: str) -> list[str]:
    """The scene's log into a folder."""
    return [
        *("--events", scene.events, "--stream", STREAM, "--features", str(scene.registry)),
        *("--pins", str(scene.pins), "--out", str(out), *more),
    ]


def test_rows_are_written_and_found_again(scene: Scene, tmp_path: Path) -> None:
    """A row for each event of the pins; the same request again verifies the folder and changes nothing."""
    out = tmp_path / "out"
    done = run(*options(scene, out, "--json"))
    assert (done.exit_code, done.stderr) == (ExitCode.ALL_MATCH, "")
    told = json.loads(done.stdout)
    assert list(told) == list(ROWS_RESULT)
    table = pq.read_table(out / "rows.parquet")
    record = RowsRunRecord.model_validate_json((out / "run.json").read_bytes())
    CutCertificate.model_validate_json((out / "certificate.json").read_bytes())
    assert told["rows"] == record.rows == table.num_rows > 200
    assert [column["name"] for column in record.columns] == table.column_names
    before = {path: path.read_bytes() for path in out.iterdir()}
    again = run(*options(scene, out))
    assert again.exit_code == ExitCode.ALL_MATCH
    assert "was finished before" in again.stdout
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    proof = CliRunner().invoke(root, ["certificate", "verify", str(out), "--events", scene.events])
    assert proof.exit_code == ExitCode.ALL_MATCH


def test_the_file_does_not_depend_on_how_the_run_is_executed(scene: Scene, tmp_path: Path) -> None:
    """Workers, batch sizes and engines give the same bytes."""
    found = set()
    for number, manner in enumerate((("1", "8192", "auto"), ("3", "7", "auto"), ("1", "50", "reference"))):
        names = ("--workers", "--batch-size", "--engine")
        more = [part for pair in zip(names, manner, strict=True) for part in pair]
        assert run(*options(scene, tmp_path / str(number), *more)).exit_code == ExitCode.ALL_MATCH
        found.add(hashlib.sha256((tmp_path / str(number) / "rows.parquet").read_bytes()).hexdigest())
    assert len(found) == 1


def test_a_basis_leaves_out_what_rests_on_what_is_before_it(scene: Scene, tmp_path: Path) -> None:
    """Groups with finite windows give rows once no window reaches behind the start; others give none at all."""
    basis = json.dumps({STREAM: {str(partition): [5, 1_000] for partition in range(3)}})
    refused = run(*options(scene, tmp_path / "all", "--basis", basis))
    assert refused.exit_code == ExitCode.INCOMPLETE
    assert "HISTORY_TRUNCATED" in refused.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--sink", "kafka://localhost:9092"], "give one of --out DIR and --sink"),
        (["--create-topics"], "--create-topics goes with --sink"),
        (["--from", "2026-01-05T00:00:00Z"], "go together"),
        (["--group", "nothing:v1"], "the registry has no such group"),
        (["--group", "nothing"], "is not NAME:VERSION"),
        (["--stream", "other"], "the log does not know it"),
    ],
)
def test_a_request_that_cannot_be_meant_is_one_line(
    scene: Scene, tmp_path: Path, more: list[str], said: str
) -> None:
    """Errors are said before anything is written."""
    done = run(*options(scene, tmp_path / "out", *more))
    assert done.exit_code in (ExitCode.USAGE, ExitCode.UNREACHABLE)
    assert done.stdout == ""
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def _event(number: int, amount: str = "1.00") -> Record:
    value = {
        **PINS,
        "event_id": f"e{number}",
        "event_type": "auth",
        "ts_utc": f"2026-01-05T00:{number:02}:00Z",
        "payload": {"account": "A", "amount": amount},
    }
    return Record(json.dumps(value).encode(), log_ts_us=1_767_571_200_000_000 + number * 60_000_000)


def _group(features: str) -> Registry:
    text = (
        "feature_group: g\nversion: v1\nkey: {type: account, field: payload.account}\nevent_types: [auth]\n"
    )
    return Registry.of([read_definition(f"{text}features: [{features}]\n".encode(), "g.yaml")])


COUNT = _group("{name: n, op: count, window: 10m}")


def _log(*records: Record) -> MemoryLog:
    log = MemoryLog()
    log.append("auths", 0, *records)
    return log


def test_the_api_gives_rows_as_records() -> None:
    """A sink in memory holds an EventRow for each event, in order."""
    sink = RowsMemorySink()
    report = ofs.rows(
        events=_log(*map(_event, range(3))), stream="auths", features=COUNT, pins=PINS, sink=sink
    )
    rows = [EventRow.model_validate_json(line) for _, line in sink.rows]
    assert [(row.event_id, row.groups["g"].features) for row in rows] == [
        ("e0", {"n": 0}),
        ("e1", {"n": 1}),
        ("e2", {"n": 2}),
    ]
    assert (report.rows, report.left_out, report.exit_code) == (3, {}, ExitCode.ALL_MATCH)


def test_what_was_left_out_is_counted_by_its_reason() -> None:
    """Behind retention the first rows are not established; their number and the exit code say so."""
    log = _log(*map(_event, range(30)))
    log.delete_records("auths", 0, 4)
    sink = RowsMemorySink()
    report = ofs.rows(events=log, stream="auths", features=COUNT, pins=PINS, sink=sink, max_clock_skew="1m")
    rows = [json.loads(line) for _, line in sink.rows]
    assert [row["offset"] for row in rows] == list(range(16, 30))
    assert all(row["groups"]["g"]["features"] == {"n": 10} for row in rows)
    assert (report.left_out, report.exit_code) == ({"HISTORY_TRUNCATED": 12}, ExitCode.INCOMPLETE)
    assert sink.certificate is not None
    assert "has a copy behind it" in " ".join(map(str, sink.certificate["assumptions"]))  # type: ignore[call-overload]  # a list


def test_a_value_without_a_place_in_its_column_is_refused(tmp_path: Path) -> None:
    """A decimal column has 38 digits; nothing is written where one value has more."""
    variance = _group(
        "{name: v, op: variance, field: payload.amount, type: decimal(2), window: 10m, scale: 18}"
    )
    huge = ("92233720368547758.07", "-92233720368547758.07", "0.00")
    log = _log(*(_event(number, amount) for number, amount in enumerate(huge)))
    given: dict[str, Any] = {"events": log, "stream": "auths", "features": variance, "pins": PINS}
    for engine in ("auto", "reference"):
        with pytest.raises(SinkError, match="more than 38 digits"):
            ofs.rows(**given, out=tmp_path / "out", engine=engine)
    assert list(tmp_path.iterdir()) == []
    sink = RowsMemorySink()
    assert ofs.rows(**given, sink=sink).rows == 3


class RefusesOnce(RowsMemorySink):
    """Cannot take the third block."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def put(self, rows: RowBlock) -> None:
        """Counts the blocks."""
        self.taken += 1
        if self.taken == 3:
            raise SinkError("full")


def test_nothing_is_written_behind_what_could_not_be() -> None:
    """Chunks that are made already when a write fails are dropped, and the failure is what the caller sees."""
    sink = RefusesOnce()
    log = _log(*map(_event, range(50)))
    with pytest.raises(SinkError, match="full"):
        ofs.rows(events=log, stream="auths", features=COUNT, pins=PINS, sink=sink, batch_size=1)
    assert sink.taken == 3
    assert sink.run is None


def test_wrong_pins_and_places_are_refused() -> None:
    """Pins that are none, a partition that the basis leaves out, and a start that makes nothing known."""
    log = _log(*map(_event, range(3)))
    log.append("auths", 1, _event(4))
    given: dict[str, Any] = {"events": log, "stream": "auths", "features": COUNT}
    with pytest.raises(UsageError, match="pins: run_id"):
        ofs.rows(**given, pins={**PINS, "run_id": "x"})
    with pytest.raises(UsageError, match="leaves the partition out"):
        ofs.rows(**given, pins=PINS, basis={"auths": {"0": [0, 2]}})
    ever = _group("{name: n, op: count, window: lifetime}")
    with pytest.raises(NotCheckableError, match="HISTORY_TRUNCATED"):
        ofs.rows(**{**given, "features": ever}, pins=PINS, basis={"auths": {"0": [1, 2], "1": [0, 1]}})
