"""Rows of a stream are those of the executable semantics, and each holds what a snapshot at its cut holds."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical import jcs
from ofs.contracts.identity import CanonicalPins
from ofs.errors import NotCheckableError, SinkError
from ofs.features import Registry, read_definition
from ofs.native import core
from ofs.ports import EventLog, RowColumn
from ofs.runtime.rows import RowsOptions
from ofs.semantics import Group
from ofs.semantics.rows import EventRow, LoggedRecord, RowScope, arrival_order, event_rows
from ofs.sinks.rows_memory import RowsMemorySink
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange, format_timestamp_us, next_offset
from tests.property.harness import decision_lines, run
from tests.property.worlds import EPOCH, PINS, SECOND, World, make_world
from topologies.bounded_replay import BoundedRows

CHANCE = st.randoms(use_true_random=False)
STREAM = "cards"
SKEW_US = 5_000_000
NEAR_US = 3_000_000
NEAR = read_definition(
    b"""
feature_group: near
version: v1
key: {type: account, field: payload.key}
event_types: [auth]
features:
  - {name: n, op: count, window: 2s}
  - {name: last, op: last, field: payload.i, type: int, window: 1s}
""",
    "near.yaml",
)
ENDS = read_definition(
    b"""
feature_group: ends
version: v1
key: {type: account, field: payload.key}
event_types: [auth]
features:
  - {name: all, op: last_k, k: 9, field: payload.i, type: int, window: 2s}
""",
    "ends.yaml",
)
SCOPE = CanonicalPins.model_validate(PINS[0])


def make_rows(
    world: World,
    *,
    engine: str,
    batch_size: int,
    workers: int = 1,
    block_rows: int | None = None,
    skew_us: int = SKEW_US,
) -> RowsMemorySink:
    """Run the topology over the world's stream."""
    sink = RowsMemorySink(block_rows)
    BoundedRows(
        log=world.log,
        stream=STREAM,
        locked=tuple(Registry.of(world.groups)),
        pins=SCOPE,
        sink=sink,
        options=RowsOptions(workers=workers, batch_size=batch_size, max_skew_us=skew_us),
        engine=engine,
    ).run()
    return sink


def expected_rows(world: World) -> list[EventRow | None]:
    """The rows by the executable semantics, all at once."""
    locked = sorted(Registry.of(world.groups), key=lambda entry: entry.name)
    scope = RowScope(
        STREAM,
        SCOPE.to_bytes(),
        [Group(index, entry.canonical, entry.digest) for index, entry in enumerate(locked)],
        dict.fromkeys(range(world.streams[STREAM]), 0),
        SKEW_US,
    )
    return event_rows(scope, {p: logged(world.log, p) for p in range(world.streams[STREAM])})


def logged(log: EventLog, partition: int) -> list[LoggedRecord]:
    """All records of a partition."""
    info = log.describe(STREAM)
    end = 0 if info is None else info.partitions[partition].end
    return [
        LoggedRecord(*record)
        for batch in log.read(STREAM, partition, OffsetRange(0, end), 1000)
        for record in zip(batch.offsets, batch.log_ts_us, batch.values, strict=True)
    ]


def written(row: EventRow, replay_id: str) -> dict[str, Any]:
    """The EventRow of a row."""
    return {
        "replay_id": replay_id,
        "stream": STREAM,
        "partition": row.partition,
        "offset": row.offset,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "as_of_time_utc": format_timestamp_us(row.as_of_us),
        "groups": {
            name: {"key_id": group.key_id, "features": group.features} for name, group in row.groups.items()
        },
    }


@given(chance=CHANCE)
def test_rows_are_those_of_the_semantics(chance: random.Random) -> None:
    """Every first copy of an admitted event of the pins gives its row, in the order of arrival, byte for byte."""
    world = make_world(chance)
    expected = expected_rows(world)
    found = make_rows(world, engine="reference", batch_size=chance.choice((1, 7, 1000)))
    assert found.run is not None
    replay_id = str(found.run["replay_id"])
    assert found.rows == [(row.event_id, jcs(written(row, replay_id))) for row in expected if row is not None]


@pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
@given(chance=CHANCE)
def test_native_rows_are_those_of_the_reference(chance: random.Random) -> None:
    """Both engines give the same rows, byte for byte, and the same certificate."""
    world = make_world(chance)
    expected = make_rows(world, engine="reference", batch_size=chance.choice((1, 7, 1000)))
    found = make_rows(world, engine="native", batch_size=chance.choice((1, 7, 1000)))
    assert (found.rows, found.certificate) == (expected.rows, expected.certificate)


@pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
@given(chance=CHANCE)
def test_native_columns_are_those_of_the_reference(chance: random.Random) -> None:
    """Both engines give the same blocks of the same buffers, or find that a value has no place in its column."""
    world = make_world(chance)
    block_rows = chance.choice((1, 3, 1000))
    found: list[list[list[RowColumn]] | str] = []
    for engine in ("reference", "native"):
        try:
            batch_size = chance.choice((1, 7, 1000))
            blocks = make_rows(world, engine=engine, batch_size=batch_size, block_rows=block_rows).blocks
            assert all(len(block) == block_rows for block in blocks[:-1])
            found.append([block.columns() for block in blocks])
        except SinkError as error:
            found.append(type(error).__name__)
    assert found[0] == found[1]


@given(chance=CHANCE, workers=st.sampled_from((1, 2, 3)))
def test_rows_do_not_depend_on_batch_size_or_workers(chance: random.Random, workers: int) -> None:
    """Rows, certificate and replay id are the same however the run is executed."""
    world = make_world(chance)
    whole = make_rows(world, engine="auto", batch_size=1000)
    for batch_size in (1, 7):
        found = make_rows(world, engine="auto", batch_size=batch_size, workers=workers)
        assert (found.rows, found.certificate) == (whole.rows, whole.certificate)


@given(chance=CHANCE, workers=st.sampled_from((1, 2)))
def test_contributions_of_one_time_follow_partitions_then_offsets(
    chance: random.Random, workers: int
) -> None:
    """Whichever arrives first, whatever its offset: of equal event times the order is that of a snapshot (L1)."""
    log = MemoryLog()
    log.create(STREAM, 3)
    spots = [(partition, offset) for partition in range(3) for offset in (0, 3, 9)]
    times = {partition: sorted(chance.sample(range(100), 3)) for partition in range(3)}
    for partition, offset in spots:
        log_ts_us = EPOCH + times[partition][(0, 3, 9).index(offset)]
        log.append(
            STREAM, partition, Record(_event_at(partition, offset), log_ts_us=log_ts_us, offset=offset)
        )
    last = Record(_event_at(0, 10, later_us=1), log_ts_us=EPOCH + 100, offset=10)
    log.append(STREAM, 0, last)
    world = World(log, [ENDS], [], {STREAM: 3})
    for engine in ("reference", "auto"):
        rows = make_rows(world, engine=engine, batch_size=chance.choice((1, 7)), workers=workers).rows
        features = json.loads(rows[-1][1])["groups"]["ends"]["features"]
        assert features == {"all": [10 * partition + offset for partition, offset in spots]}


@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_rows_behind_a_record_beyond_the_skew_are_left_out(engine: str, batch_size: int) -> None:
    """Where a head is gone, a record logged too early for its time leaves all rows behind it in doubt, not its own."""
    log = MemoryLog()
    log.create(STREAM, 2)
    logged_s = {(0, 1): 0, (0, 2): 10, (1, 0): 11, (0, 3): 20, (0, 4): 21, (1, 1): 22}
    for (partition, offset), log_s in logged_s.items():
        later_us = (log_s + (5 if offset == 3 else 0)) * SECOND
        value = _event_at(partition, offset, later_us)
        log.append(STREAM, partition, Record(value, log_ts_us=EPOCH + log_s * SECOND, offset=offset))
    log.delete_records(STREAM, 0, 1)
    world = World(log, [NEAR], [], {STREAM: 2})
    lines = truncated_rows(world, engine, batch_size, SECOND)
    assert [where(line) for line in lines] == [(0, 2), (1, 0), (0, 3)]


def _event_at(partition: int, offset: int, later_us: int = 0) -> bytes:
    """An event of the key A, whose value tells where it stands."""
    return jcs(
        {
            **PINS[0],
            "event_id": f"{partition}:{offset}",
            "event_type": "auth",
            "ts_utc": format_timestamp_us(EPOCH + later_us),
            "payload": {"key": "A", "i": 10 * partition + offset},
        }
    )


@given(chance=CHANCE)
def test_a_row_holds_what_a_snapshot_at_its_cut_holds(chance: random.Random) -> None:
    """A decision with the row's cut, as-of and keys is answered with the row's features."""
    world = make_world(chance)
    rows = [json.loads(line) for _, line in make_rows(world, engine="auto", batch_size=7).rows]
    asked = [decision for row in rows if (decision := decision_of(row, world)) is not None]
    if asked:
        rebuilt = run(world, decision_lines(asked), engine="auto").snapshots
        features = {snap["provenance"]["decision_id"]: snap["features"] for snap in map(json.loads, rebuilt)}
        for row in rows:
            for name, group in row["groups"].items():
                if group["key_id"] is not None:
                    key_type = next(g.key.type for g in world.groups if g.name == name)
                    found = features[decision_id(row)][f"{key_type}:{group['key_id']}"][name]
                    assert found == group["features"]


@given(chance=CHANCE)
def test_established_rows_are_those_of_the_whole_log(chance: random.Random) -> None:
    """Where the head of the log is gone, the rows that are made are those that the whole log gives."""
    world = near_world(chance)
    whole = {where(line): groups(line) for _, line in make_rows(world, engine="auto", batch_size=7).rows}
    skew_us = truncate(chance, world)
    found = [
        truncated_rows(world, engine, chance.choice((1, 7, 1000)), skew_us)
        for engine in ("reference", "auto")
    ]
    assert found[0] == found[1]
    assert all(whole[where(line)] == groups(line) for line in found[0] if where(line) in whole)


def test_worlds_establish_rows_and_leave_some_out() -> None:
    """The property above is not empty."""
    made = 0
    for seed in range(60):
        chance = random.Random(seed)
        world = near_world(chance, events_max=200)
        made += len(truncated_rows(world, "auto", 1000, truncate(chance, world)))
    assert made > 20


def near_world(chance: random.Random, events_max: int = 60) -> World:
    """A world whose windows reach back a few seconds at most."""
    world = make_world(chance, events_max=events_max, in_log_order=True, is_bounded=True)
    world.groups = [group for group in world.groups if (group.reach_us() or 0) <= NEAR_US] or [NEAR]
    return world


def truncate(chance: random.Random, world: World) -> int:
    """Remove the head of the partitions, of the first one in any case; returns a clock skew to run with."""
    for partition in range(world.streams[STREAM]):
        if partition == 0 or chance.random() < 0.5:
            world.log.delete_records(STREAM, partition, chance.choice((1, 2, 5)))
    return chance.choice((1, 500_000, 1_000_000))


def truncated_rows(world: World, engine: str, batch_size: int, skew_us: int) -> list[bytes]:
    """The rows; none where the run is refused."""
    try:
        sink = make_rows(world, engine=engine, batch_size=batch_size, skew_us=skew_us)
    except NotCheckableError:
        return []
    return [line for _, line in sink.rows]


def where(line: bytes) -> tuple[int, int]:
    """Where the event of a row stands."""
    row = json.loads(line)
    return row["partition"], row["offset"]


def groups(line: bytes) -> Any:
    """What the row holds."""
    return json.loads(line)["groups"]


def decision_id(row: dict[str, Any]) -> str:
    """Names a row among all."""
    return f"{row['partition']}:{row['offset']}"


def decision_of(row: dict[str, Any], world: World) -> dict[str, Any] | None:
    """The question whose answer the row is; None where the event has no key."""
    keys = sorted(
        {
            (group.key.type, row["groups"][group.name]["key_id"])
            for group in world.groups
            if row["groups"][group.name]["key_id"] is not None
        }
    )
    if not keys:
        return None
    cut = cut_of(row, world)
    return {
        "decision_id": decision_id(row),
        "context_pins": PINS[0],
        "feature_keys": [{"key_type": key_type, "key_id": key_id} for key_type, key_id in keys],
        "feature_groups": [{"name": group.name, "version": "v1"} for group in world.groups],
        "as_of_spec": {"as_of_basis": "event_time", "as_of_time_utc": row["as_of_time_utc"]},
        "basis": [
            {"stream": STREAM, "partition": partition, "next_offset": offset}
            for partition, offset in cut.items()
        ],
        "decided_at_utc": "0001-01-01T00:00:00Z",
    }


def cut_of(row: dict[str, Any], world: World) -> dict[int, int]:
    """The next offset of each partition just before the row's record arrived."""
    records = {p: logged(world.log, p) for p in range(world.streams[STREAM])}
    cut = dict.fromkeys(records, 0)
    for partition, index in arrival_order(
        {p: [record.log_ts_us for record in some] for p, some in records.items()}
    ):
        offset = records[partition][index].offset
        if (partition, offset) == (row["partition"], row["offset"]):
            break
        cut[partition] = next_offset(offset)
    return cut
