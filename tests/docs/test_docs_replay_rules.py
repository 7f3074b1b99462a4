"""Clauses about whole runs, each seen on the smallest log that shows it, by both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ofs
from ofs.contracts import SnapshotOutput
from ofs.native import core
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import MemoryLog
from ofs.units import format_timestamp_us
from tests.docs.replay_scene import STREAM, HandClock, at, decision, event, registry, replay

ENGINES = ["reference"] if core is None else ["reference", "native"]
each_engine = pytest.mark.parametrize("engine", ENGINES)


def _count(snapshot: dict[str, Any]) -> int:
    return int(snapshot["features"]["account:A"]["spend"]["n"])


def _log(*records: Any) -> MemoryLog:
    log = MemoryLog()
    log.append(STREAM, 0, *records)
    return log


@each_engine
def test_reading_begins_where_the_windows_can_reach(engine: str) -> None:
    """A finite window begins at the first record logged within reach and skew; a lifetime window at the beginning."""
    log = _log(*(event(number, 60 * number) for number in range(10)))
    asked = [decision("d", 10, 600)]
    near = replay(log, asked, registry("2m"), engine=engine)
    far = replay(log, asked, registry("lifetime"), engine=engine)
    starts = [
        out.report.certificate.partitions[0] for out in (near, far) if out.report.certificate is not None
    ]
    assert [(part.start, part.start_from) for part in starts] == [(8, "bound"), (0, "origin")]
    assert (_count(near.snapshots["d"]), _count(far.snapshots["d"])) == (2, 10)


@each_engine
def test_a_record_beyond_the_skew_voids_the_start_for_later_cuts(engine: str) -> None:
    """A record logged 10 s before it happened makes later cuts see all older offsets; earlier cuts stand."""
    early = event(0, 590, log_seconds=0)  # below the start, and inside the window
    records = [early, event(1, 500), event(2, 580), event(3, 595, log_seconds=585), event(4, 596)]
    asked = [decision("before", 3, 600), decision("after", 5, 600)]
    found = replay(_log(*records), asked, registry("1m"), engine=engine)
    assert _count(found.snapshots["before"]) == 1
    assert _count(found.snapshots["after"]) == 4
    assert found.report.certificate is not None
    assert found.report.certificate.partitions[0].start_from == "origin"


@each_engine
def test_a_voided_start_without_its_beginning_is_history_truncated(engine: str) -> None:
    """Where the beginning is gone, cuts above that record are HISTORY_TRUNCATED with its offset; others stand."""
    log = _log(event(0, 0), event(1, 500), event(2, 580), event(3, 595, log_seconds=585), event(4, 596))
    log.delete_records(STREAM, 0, 1)
    asked = [decision("before", 3, 600), decision("after", 5, 600)]
    found = replay(log, asked, registry("1m"), engine=engine)
    assert found.parity["before"]["reason"] == "ONLINE_HASH_MISSING"
    assert found.parity["after"]["reason"] == "HISTORY_TRUNCATED"
    detail = found.parity["after"]["evidence"]["reason_details"][0]
    assert "offset 3" in detail["detail"]
    assert detail["missing"] == [{"stream": STREAM, "partition": 0, "start": 0, "end": 1}]


def test_a_cut_beyond_the_end_is_awaited_only_for_a_while() -> None:
    """What is appended while a run waits is answered; what never comes is BASIS_BEYOND_LOG_END after ten seconds."""
    log = _log(event(0, 0))
    clock = HandClock()
    clock.on_wait = lambda: log.append(STREAM, 0, event(1, 1)) if clock.waits == 3 else None
    found = replay(log, [decision("d", 2, 60)], registry(), clock=clock)
    assert (_count(found.snapshots["d"]), clock.waits) == (2, 3)
    patient = HandClock()
    found = replay(log, [decision("d", 3, 60)], registry(), clock=patient)
    assert found.parity["d"]["reason"] == "BASIS_BEYOND_LOG_END"
    assert patient.now - at(0) == 10_000_000


@each_engine
def test_the_certificate_names_what_it_had_to_assume(engine: str) -> None:
    """One time for each id always; the skew where a start is a bound; topic identity where no decision names it."""
    log = _log(*(event(number, 60 * number) for number in range(10)))
    info = log.describe(STREAM)
    assert info is not None
    named = [{"stream": STREAM, "partition": 0, "next_offset": 10, "topic_id": info.topic_id}]
    bound = replay(log, [decision("d", 10, 600)], registry("2m"), engine=engine).report.certificate
    whole = replay(
        log, [decision("d", 10, 600, basis=named)], registry("lifetime"), engine=engine
    ).report.certificate
    assert bound is not None
    assert whole is not None
    assert len(whole.assumptions) == 1
    assert "event id" in whole.assumptions[0]
    assert "5000000 us" in bound.assumptions[1]
    assert bound.assumptions[2].endswith(STREAM)


@each_engine
def test_a_snapshot_without_events_says_so(engine: str) -> None:
    """A snapshot is rebuilt where nothing was seen, and its provenance says so; one event changes that."""
    log = _log(event(0, 0))
    asked = [decision("none", 0, 60), decision("one", 1, 60)]
    found = replay(log, asked, registry(), engine=engine).snapshots
    assert [found[name]["provenance"]["events_matched"] for name in ("none", "one")] == [False, True]
    assert found["none"]["freshness"]["account:A"]["spend"]["state"] == "NO_DATA"


@each_engine
def test_which_snapshots_are_written_is_as_asked(engine: str) -> None:
    """`all` writes what was rebuilt whatever the verdict, `mismatch` those of a MISMATCH, `none` nothing."""
    log = _log(event(0, 0))
    right = replay(log, [decision("right", 1, 60)], registry(), engine=engine).snapshots["right"][
        "snapshot_hash"
    ]
    asked = [
        decision("right", 1, 60, online_snapshot_hash=right),
        decision("wrong", 1, 60, online_snapshot_hash="0" * 64),
        decision("unhashed", 1, 60),
        decision("beyond", 9, 60, online_snapshot_hash=right),
    ]
    written = {
        choice: set(replay(log, asked, registry(), engine=engine, snapshots=SnapshotOutput(choice)).snapshots)
        for choice in ("all", "mismatch", "none")
    }
    assert written == {"all": {"right", "wrong", "unhashed"}, "mismatch": {"wrong"}, "none": set()}


@each_engine
def test_copies_in_two_partitions_both_count(engine: str) -> None:
    """An id that stands in two partitions is two events; inside a partition it is one."""
    log = _log(event(0, 0), event(0, 0))
    log.append(STREAM, 1, event(0, 0))
    cut = [{"stream": STREAM, "partition": number, "next_offset": 2 - number} for number in (0, 1)]
    found = replay(log, [decision("d", 2, 60, basis=cut)], registry(), engine=engine)
    assert _count(found.snapshots["d"]) == 2


@each_engine
def test_ingest_time_needs_the_brokers_timestamps(engine: str) -> None:
    """Ingest time is answered where log timestamps are the broker's, and is AS_OF_INVALID where they are not."""
    spec = {"as_of_basis": "ingest_time", "as_of_time_utc": format_timestamp_us(at(60))}
    reasons = {}
    for log_append in (True, False):
        log = MemoryLog()
        log.create(STREAM, log_append=log_append)
        log.append(STREAM, 0, event(0, 0), event(1, 1, log_seconds=60), event(2, 2))
        found = replay(log, [decision("d", 3, 60, as_of_spec=spec)], registry(), engine=engine)
        reasons[log_append] = found.parity["d"]["reason"]
        assert [_count(snapshot) for snapshot in found.snapshots.values()] == ([2] if log_append else [])
    assert reasons == {True: "ONLINE_HASH_MISSING", False: "AS_OF_INVALID"}


@each_engine
def test_a_watermark_is_derived_and_must_agree(engine: str) -> None:
    """The snapshot holds the derived as-of; another given time, or nothing to derive it from, is AS_OF_INVALID."""
    log = _log(event(0, 5), event(1, 9), event(2, 7))
    given = {
        "derived": (3, {}),
        "agrees": (3, {"as_of_time_utc": format_timestamp_us(at(9))}),
        "differs": (3, {"as_of_time_utc": format_timestamp_us(at(8))}),
        "nothing": (0, {}),
    }
    asked = [
        decision(name, cut, 0, as_of_spec={"as_of_basis": "watermark", **time})
        for name, (cut, time) in given.items()
    ]
    found = replay(log, asked, registry(), engine=engine)
    resolved = {name: snapshot["as_of_spec"]["as_of_time_utc"] for name, snapshot in found.snapshots.items()}
    assert resolved == {name: format_timestamp_us(at(9)) for name in ("derived", "agrees")}
    assert {found.parity[name]["reason"] for name in ("differs", "nothing")} == {"AS_OF_INVALID"}


def test_the_identity_of_a_run_is_its_request() -> None:
    """The replay id changes with decisions, definitions, skew and snapshots asked for, not with how the run is made."""

    def identity(decisions: list[dict[str, Any]], features: Any, **given: Any) -> str:
        log = _log(event(0, 0))
        lines = [json.dumps(item).encode() for item in decisions]
        return ofs.replay(
            events=log, decisions=MemoryDecisionSource(lines), features=features, **given
        ).replay_id

    asked = [decision("d", 1, 60)]
    base = identity(asked, registry())
    for how in ({"workers": 3}, {"batch_size": 1}, {"engine": "reference"}):
        assert identity(asked, registry(), **how) == base
    others = {
        identity([decision("d", 1, 61)], registry()),
        identity(asked, registry("2h")),
        identity(asked, registry(), max_clock_skew="6m"),
        identity(asked, registry(), snapshots="none"),
        identity(asked, registry(), basis={STREAM: {"0": [0, 1]}}),
    }
    assert len(others | {base}) == 6


def test_a_run_with_state_on_disk_gives_the_same_bytes(tmp_path: Path) -> None:
    """State in RocksDB changes no digest, and a second run with that folder begins anew."""

    def digest(state: Path | None) -> str:
        lines = [json.dumps(decision("d", 3, 60)).encode()]
        log = _log(event(0, 0), event(1, 1), event(0, 0))
        report = ofs.replay(
            events=log, decisions=MemoryDecisionSource(lines), features=registry(), state=state, batch_size=2
        )
        return report.parity_digest

    assert digest(None) == digest(tmp_path / "state") == digest(tmp_path / "state")


_SCRIPT = """
import hashlib, json
from tests.docs.replay_scene import *
log = MemoryLog()
log.append(STREAM, 0, *(event(n % 7, 10 * n, event_type="auth") for n in range(20)))
found = replay(log, [decision(f"d{n}", n, 10 * n) for n in range(20)], registry())
print(found.report.replay_id, found.report.parity_digest, found.report.certificate_digest)
"""


def test_outputs_do_not_depend_on_the_process() -> None:
    """Another hash seed, time zone and locale give the same run, outputs and certificate."""
    root = Path(__file__).resolve().parents[2]
    printed = set()
    for seed, zone, locale in (
        ("0", "UTC", "C"),
        ("1", "Asia/Kolkata", "C.UTF-8"),
        ("2", "America/New_York", "POSIX"),
    ):
        given = {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            env={**os.environ, **given},
            cwd=root,
            capture_output=True,
            check=True,
        )
        printed.add(done.stdout)
    assert len(printed) == 1
