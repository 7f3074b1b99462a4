"""A certificate against the log, again: what changed is named, and what only moved is no difference."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ofs.contracts import CutCertificate
from ofs.errors import SinkError
from ofs.runtime.verify_certificate import Finding, load_certificate, verify_certificate
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange
from tests.property.harness import decision_lines, run
from tests.property.worlds import World, make_world

STREAM = "cards"


def first_world(partitions: int) -> World:
    """The first drawn world of one stream and so many partitions whose run reads holes in its first partition."""
    for seed in range(1_000):
        world = make_world(random.Random(seed), events_max=60, decisions_max=4)
        if world.streams == {STREAM: partitions}:
            read = certified(world).partitions
            if (
                len(read) == partitions
                and read[0].start == 0
                and read[0].end > 20
                and read[0].holes.count > 1
            ):
                return world
    raise AssertionError("no such world")


@pytest.fixture
def world() -> World:
    """One partition with holes, most of it read."""
    return first_world(1)


def certified(world: World) -> CutCertificate:
    """What a run over the world proves."""
    proof = run(world, decision_lines(world.decisions), engine="reference").certificate
    return CutCertificate.model_validate_json(json.dumps(proof))


def differences(found: Finding) -> dict[str, tuple[Any, Any]]:
    """What differs in the only partition."""
    (part,) = found.partitions
    return {item.what: (item.certified, item.found) for item in part.differences}


def moved(found: Finding) -> set[str]:
    (part,) = found.partitions
    return {item.what for item in part.moved}


def copied(
    world: World, change: Callable[[int, Record], Record | None] = lambda _, record: record
) -> MemoryLog:
    """The world's log written again, with each record changed, or left out where that gives None."""
    info = world.log.describe(STREAM)
    assert info is not None
    log = MemoryLog()
    log.create(STREAM, 1, log_append=info.log_append, topic_id=info.topic_id)
    for batch in world.log.read(STREAM, 0, OffsetRange(0, info.partitions[0].end), 7):
        for row, offset in enumerate(batch.offsets):
            headers = () if batch.headers is None else tuple(batch.headers[row])
            record = Record(
                batch.values[row],
                batch.keys[row],
                log_ts_us=batch.log_ts_us[row],
                offset=offset,
                headers=headers,
            )
            changed = change(offset, record)
            if changed is not None:
                log.append(STREAM, 0, changed)
    log.advance(STREAM, 0, info.partitions[0].end)
    return log


def test_the_log_that_was_read_is_the_same(world: World) -> None:
    """Read again, also from a copy of the log, nothing differs and nothing moved."""
    proof = certified(world)
    assert proof.partitions[0].holes.count > 0
    for log in (world.log, copied(world)):
        found = verify_certificate(log, proof)
        assert found.is_same
        assert (differences(found), moved(found)) == ({}, set())


def test_growth_is_no_difference(world: World) -> None:
    """Records behind the certified end, and partitions beside it, leave the certificate as it is."""
    proof = certified(world)
    world.log.append(STREAM, 0, Record(b"later"))
    assert verify_certificate(world.log, proof).is_same
    world.log.append(STREAM, 1, Record(b"another partition"))
    found = verify_certificate(world.log, proof)
    assert found.is_same
    assert moved(found) == {"partition_count"}


@pytest.mark.parametrize("member", ["value", "key", "log_ts_us", "headers"])
def test_any_changed_byte_of_a_record_is_found(world: World, member: str) -> None:
    """Another value, key, timestamp or header of one record changes the content digest, and nothing else."""
    others = {"value": b"x", "key": b"other", "log_ts_us": 1, "headers": (("h", b"x"),)}
    proof = certified(world)
    at = proof.partitions[0].holes.ranges[0][1]

    def change(offset: int, record: Record) -> Record:
        members = {name: getattr(record, name) for name in ("value", "key", "log_ts_us", "offset", "headers")}
        return Record(**{**members, member: others[member]}) if offset == at else record

    found = verify_certificate(copied(world, change), proof)
    assert not found.is_same
    assert set(differences(found)) == {"content_digest"}


def test_a_lost_record_is_found(world: World) -> None:
    """A record that is gone from the middle changes digest, number of records, and holes."""
    proof = certified(world)
    at = proof.partitions[0].holes.ranges[0][1]
    found = differences(verify_certificate(copied(world, lambda o, r: None if o == at else r), proof))
    assert set(found) == {"content_digest", "records", "holes"}
    assert found["records"] == (proof.partitions[0].records, proof.partitions[0].records - 1)
    assert found["holes"][1]["count"] == proof.partitions[0].holes.count + 1


def test_retention_is_told_by_ranges(world: World) -> None:
    """Where retention removed what was read, the ranges that are gone are named, and the mark moved."""
    proof = certified(world)
    world.log.delete_records(STREAM, 0, 9)
    found = verify_certificate(world.log, proof)
    end = proof.partitions[0].end
    assert differences(found) == {"readable": ([[0, end]], [[0, 9]])}
    assert "low" in moved(found)


def test_another_topic_of_the_name_is_found(world: World) -> None:
    """A topic that was re-created has another id, and is a difference even where nothing is read."""
    proof = certified(world)
    world.log.recreate(STREAM)
    assert {"log_id", "topic_id"} <= set(differences(verify_certificate(world.log, proof)))
    assert differences(verify_certificate(MemoryLog(), proof)) == {"stream": (STREAM, None)}


def test_fewer_partitions_are_a_difference() -> None:
    """A partition that the stream does not have any more is said, and those that are there are read."""
    world = first_world(2)
    proof = certified(world)
    assert [part.partition_count for part in proof.partitions] == [2, 2]
    smaller = MemoryLog()
    info = world.log.describe(STREAM)
    assert info is not None
    smaller.create(STREAM, 1, topic_id=info.topic_id)
    found = verify_certificate(smaller, proof)
    assert all("partition_count" in {item.what for item in part.differences} for part in found.partitions)


def test_a_folder_without_a_sound_certificate_is_refused(tmp_path: Path) -> None:
    """No folder, no run record, another certificate than the record names: each is said before the log is read."""
    with pytest.raises(SinkError, match=r"not the outputs of a finished run: .* holds no run\.json"):
        load_certificate(tmp_path)
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "certificate.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SinkError, match=r"run\.json is not the record of a run"):
        load_certificate(tmp_path)
