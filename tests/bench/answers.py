"""What a program answered for the sampled events, out of a topic or a file; and what OFS's verdicts rest on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

import ofs
from tests.bench import texts
from tests.bench.broker import Broker
from tests.bench.dataset import Dataset
from tests.bench.definitions import KEYS, WINDOWS_US, Definition, names, velocity, velocity_columns
from tests.bench.topics import values

Found = tuple[int, dict[str, tuple[int, ...]]]
"""How many records there are, and the sampled events' values by event id."""


def of_topic(broker: Broker, topic: str, sample: Collection[str]) -> Found:
    """Records `{"id", "f"}`."""
    return _of_records(values(broker, topic), sample)


def _of_records(records: Iterable[bytes], sample: Collection[str]) -> Found:
    found: dict[str, tuple[int, ...]] = {}
    count = 0
    for value in records:
        count += 1
        record = orjson.loads(value)
        if record["id"] in sample:
            found[record["id"]] = tuple(record["f"])
    return count, found


def of_parquet(path: Path, sample: Collection[str]) -> Found:
    """Columns `id` and the velocity columns."""
    table = pq.read_table(path)
    chosen = table.filter(pc.is_in(table["id"], pc.cast(_strings(sample), table.schema.field("id").type)))
    columns = [chosen[name].to_pylist() for name in velocity_columns()]
    rows = zip(*columns, strict=True)
    return len(table), dict(zip(chosen["id"].to_pylist(), rows, strict=True))


def of_rows_topic(broker: Broker, topic: str, sample: Collection[str]) -> Found:
    """OFS's own rows in a topic: one canonical JSON record an event."""
    found: dict[str, tuple[int, ...]] = {}
    count = 0
    for value in values(broker, topic):
        count += 1
        record = orjson.loads(value)
        if record["event_id"] in sample:
            groups = record["groups"]
            features = {f"{key}_velocity": groups[f"{key}_velocity"]["features"] for key in KEYS}
            found[record["event_id"]] = twelve(features)
    return count, found


def of_rows_folder(folder: Path, sample: Collection[str]) -> Found:
    """OFS's own rows as Parquet: columns `event_id` and `group.feature`."""
    found: dict[str, tuple[int, ...]] = {}
    count = 0
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        count += len(table)
        chosen = table.filter(
            pc.is_in(table["event_id"], pc.cast(_strings(sample), table.schema.field("event_id").type))
        )
        for row in chosen.to_pylist():
            features = {
                f"{key}_velocity": {
                    f"{kind}_{size}": row[f"{key}_velocity.{kind}_{size}"]
                    for size in WINDOWS_US
                    for kind in ("count", "sum")
                }
                for key in KEYS
            }
            found[row["event_id"]] = twelve(features)
    return count, found


def _strings(sample: Collection[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(sample), pa.string())


def twelve(features: dict[str, dict[str, Any]]) -> tuple[int, ...]:
    """The values of two velocity groups in the order of the columns, sums in cents."""
    found: list[int] = []
    for key in KEYS:
        for size in WINDOWS_US:
            group = features[f"{key}_velocity"]
            found += [int(group[f"count_{size}"]), int(Decimal(group[f"sum_{size}"]).scaleb(2))]
    return tuple(found)


def of_snapshots(data: Dataset, decisions: Path, sample: list[int], first: int = 0) -> Found:
    """What stands behind the hashes: the snapshots of the sampled decisions, if their hashes are those recorded."""
    wanted = {position - first for position in sample}
    with decisions.open("rb") as file:
        lines = [line for number, line in enumerate(file) if number in wanted]
    with tempfile.TemporaryDirectory(dir=data.folder) as scratch:
        chosen = Path(scratch) / "decisions.ndjson"
        chosen.write_bytes(b"".join(lines))
        report = ofs.replay(
            events=f"archive:{data.archive}",
            decisions=str(chosen),
            features=data.registry("velocity", velocity()),
            out=Path(scratch) / "out",
        )
        if report.results != {"MATCH": len(lines)}:
            raise RuntimeError(f"sampled decisions do not match: {report.results}")
        snapshots = (Path(scratch) / "out" / "snapshots.jsonl").read_bytes().splitlines()
    found = {}
    for line, snapshot in zip(lines, snapshots, strict=True):
        number = int(json.loads(line)["decision_id"][1:])
        by_key = json.loads(snapshot)["features"]
        found[_event(data, number)] = twelve(
            {name: group for groups in by_key.values() for name, group in groups.items()}
        )
    return len(lines), found


def by_event_time(
    data: Dataset, definitions: list[Definition], sample: list[int]
) -> dict[str, dict[str, Any]]:
    """The features of sampled events by event time: at a cut behind the whole stream, as of each event's time.

    By event id; a feature is `group.feature`, its value as in a snapshot.
    """
    events = data.events.at(sample)
    cuts = np.tile(data.events.counts(), (len(sample), 1))
    with tempfile.TemporaryDirectory(dir=data.folder) as scratch:
        asked = Path(scratch) / "decisions.ndjson"
        lines = texts.decisions(data.traffic.stream, names(definitions), events, cuts=cuts)
        asked.write_bytes(b"".join(line + b"\n" for line in lines))
        ofs.replay(
            events=f"archive:{data.archive}",
            decisions=str(asked),
            features=data.registry("-".join(names(definitions)), definitions),
            out=Path(scratch) / "out",
        )
        snapshots = (Path(scratch) / "out" / "snapshots.jsonl").read_bytes().splitlines()
    found = {}
    for position, snapshot in zip(sample, snapshots, strict=True):
        by_key = orjson.loads(snapshot)["features"]
        found[_event(data, position)] = {
            f"{group}.{name}": value
            for groups in by_key.values()
            for group, features in groups.items()
            for name, value in features.items()
        }
    return found


def inexact_columns(
    records: Iterable[bytes], columns: list[str], exact: dict[str, dict[str, Any]]
) -> dict[str, float]:
    """The share of wrong values by column, of the columns that have any; 1 where the events are not answered at all."""
    wrong = dict.fromkeys(columns, 0)
    answered = 0
    for value in records:
        record = orjson.loads(value)
        truth = exact.get(record["id"])
        if truth is None:
            continue
        answered += 1
        for column, found in zip(columns, record["f"], strict=True):
            wrong[column] += found != truth[column]
    missing = len(exact) - answered
    return {column: (count + missing) / len(exact) for column, count in wrong.items() if count + missing}


def _event(data: Dataset, number: int) -> str:
    return texts.event_id(int(data.events.id_high[number]), int(data.events.id_low[number]))


def agrees_with_semantics(data: Dataset, definitions: list[Definition], decisions: Path, count: int) -> int:
    """How many of the first decisions the executable semantics, the slow engine, finds the recorded hash for."""
    with tempfile.TemporaryDirectory(dir=data.folder) as scratch:
        chosen = Path(scratch) / "decisions.ndjson"
        with decisions.open("rb") as file:
            chosen.write_bytes(b"".join(line for _, line in zip(range(count), file, strict=False)))
        report = ofs.replay(
            events=f"archive:{data.archive}",
            decisions=str(chosen),
            features=data.registry("-".join(names(definitions)), definitions),
            engine="reference",
        )
    return report.results.get("MATCH", 0)
