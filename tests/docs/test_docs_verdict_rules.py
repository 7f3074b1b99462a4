"""Clauses about verdicts, reasons and evidence, each seen on the smallest log that shows it, by both engines."""

from __future__ import annotations

from typing import Any

import pytest

from ofs.canonical import jcs, sha256_hex
from ofs.contracts import Reason
from ofs.features import Registry, read_definition
from ofs.native import core
from ofs.sources.memory import MemoryLog
from tests.docs.replay_scene import STREAM, decision, event, registry, replay

ENGINES = ["reference"] if core is None else ["reference", "native"]
each_engine = pytest.mark.parametrize("engine", ENGINES)
OUTSIDE = ("snapshot_hash", "provenance")


def _log(*records: Any) -> MemoryLog:
    log = MemoryLog()
    log.append(STREAM, 0, *records)
    return log


def _two_versions() -> Registry:
    text = b"""
feature_group: spend
version: v1
key: {type: account, field: payload.account}
event_types: [auth]
features: [{name: n, op: count, window: 1h}]
"""
    other = text.replace(b"version: v1", b"version: v2").replace(b"1h", b"5s")
    return Registry.of([read_definition(text, "v1.yaml"), read_definition(other, "v2.yaml")])


@each_engine
def test_the_versions_of_the_decision_are_used(engine: str) -> None:
    """Each decision gets the version that it names; one that is not there, or has another digest, is UNCHECKABLE."""
    groups = {
        "v1": {"name": "spend", "version": "v1"},
        "v2": {"name": "spend", "version": "v2"},
        "v3": {"name": "spend", "version": "v3"},
        "changed": {"name": "spend", "version": "v1", "digest": "0" * 64},
    }
    asked = [decision(name, 2, 10, feature_groups=[group]) for name, group in groups.items()]
    found = replay(_log(event(0, 0), event(1, 8)), asked, _two_versions(), engine=engine)
    counts = {n: shot["features"]["account:A"]["spend"]["n"] for n, shot in found.snapshots.items()}
    assert counts == {"v1": 2, "v2": 1}
    assert found.parity["v3"]["reason"] == "DEFINITION_MISSING"
    assert found.parity["v3"]["evidence"]["reason_details"][0]["names"] == ["spend:v3"]
    assert found.parity["changed"]["reason"] == "DEFINITION_DIGEST_MISMATCH"


@each_engine
def test_an_unnamed_partition_counts_as_of_the_decision(engine: str) -> None:
    """A partition that had a record before the decision must be named; one that came later need not be."""
    log = _log(event(0, 0))
    log.append(STREAM, 1, event(1, 30))
    asked = [
        decision("before", 1, 20),
        decision("after", 1, 40),
        decision("decided", 1, 20, decided_at_utc="2023-11-14T22:14:00Z"),
    ]
    found = replay(log, asked, registry(), engine=engine).parity
    assert found["before"]["reason"] == "ONLINE_HASH_MISSING"
    for name in ("after", "decided"):
        assert found[name]["reason"] == "BASIS_INCOMPLETE"
        assert found[name]["evidence"]["reason_details"][0]["names"] == [f"{STREAM}:1"]


@each_engine
def test_the_first_reason_that_applies_is_given_and_all_others_listed(engine: str) -> None:
    """A decision with many faults has the reasons in their order of precedence, the first as its reason."""
    everything = decision(
        "d",
        9,
        10,
        request_id=1,
        context_pins={},
        feature_keys=[],
        as_of_spec={"as_of_basis": "tomorrow"},
        basis=[],
        hash_rule="other/v1",
        feature_groups=[{"name": "spend", "version": "v9"}],
    )
    log = _log(event(0, 0))
    log.delete_records(STREAM, 0, 1)
    faulty = {"d": everything}
    repairs: list[tuple[str, dict[str, Any]]] = [
        ("DECISION_INVALID", {"request_id": None}),
        ("PINS_INVALID", {"context_pins": decision("x", 0, 0)["context_pins"]}),
        ("KEY_INVALID", {"feature_keys": [{"key_type": "account", "key_id": "A"}]}),
        ("AS_OF_INVALID", {"as_of_spec": decision("x", 0, 10)["as_of_spec"]}),
        ("BASIS_MISSING", {"basis": [{"stream": STREAM, "partition": 1, "next_offset": 9}]}),
        ("BASIS_INCOMPLETE", {"basis": decision("x", 9, 0)["basis"]}),
        ("HASH_RULE_UNKNOWN", {"hash_rule": None}),
        ("DEFINITION_MISSING", {"feature_groups": [{"name": "spend", "version": "v1", "digest": "0" * 64}]}),
        ("DEFINITION_DIGEST_MISMATCH", {"feature_groups": [{"name": "spend", "version": "v1"}]}),
        ("BASIS_BEYOND_LOG_END", {"basis": decision("x", 1, 0)["basis"]}),
    ]
    for reason, repair in repairs:
        parity = replay(log, [faulty["d"]], registry("lifetime"), engine=engine, end_wait_us=0).parity["d"]
        listed = [parity["reason"], *parity["evidence"]["further_reasons"]]
        assert parity["reason"] == reason
        assert listed == [item.value for item in Reason if item.value in listed]
        faulty["d"] = {**faulty["d"], **repair}
    parity = replay(log, [faulty["d"]], registry("lifetime"), engine=engine).parity["d"]
    assert [parity["reason"], *parity["evidence"]["further_reasons"]] == [
        "HISTORY_TRUNCATED",
        "ONLINE_HASH_MISSING",
    ]


@each_engine
def test_the_fields_of_a_mismatch_are_named_with_both_values(engine: str) -> None:
    """What differs from the recorded features is listed by JSON Pointer, with null for a side that lacks it."""
    log = _log(event(0, 0))
    online = {"account:A": {"spend": {"n": 2, "extra": "x"}}}
    asked = [decision("d", 1, 10, online_snapshot_hash="0" * 64, online_features=online)]
    parity = replay(log, asked, registry(), engine=engine).parity["d"]
    assert parity["result"] == "MISMATCH"
    assert parity["evidence"]["mismatch_fields"] == [
        {"path": "/features/account:A/spend/extra", "online": "x", "offline": None},
        {"path": "/features/account:A/spend/n", "online": 2, "offline": 1},
        {"path": "/features/account:A/spend/total", "online": None, "offline": "1.00"},
    ]


@each_engine
def test_the_flag_says_whether_the_recorded_features_give_the_recorded_hash(engine: str) -> None:
    """True, false or unknown, for a MATCH and for a MISMATCH; equal features under another hash have no fields."""
    log = _log(event(0, 0))
    snapshot = replay(log, [decision("d", 1, 10)], registry(), engine=engine).snapshots["d"]
    right, features = snapshot["snapshot_hash"], snapshot["features"]
    wrong = {"account:A": {"spend": {"n": 5, "total": "5.00"}}}
    identity = {name: member for name, member in snapshot.items() if name not in OUTSIDE}
    served = sha256_hex(jcs({**identity, "features": wrong}))
    cases = {
        "match": ({"online_snapshot_hash": right, "online_features": features}, "MATCH", "true", 0),
        "match, other features": (
            {"online_snapshot_hash": right, "online_features": wrong},
            "MATCH",
            "false",
            0,
        ),
        "match, no features": ({"online_snapshot_hash": right}, "MATCH", "unknown", 0),
        "served": ({"online_snapshot_hash": served, "online_features": wrong}, "MISMATCH", "true", 2),
        "neither": ({"online_snapshot_hash": "0" * 64, "online_features": wrong}, "MISMATCH", "false", 2),
        "equal": ({"online_snapshot_hash": "0" * 64, "online_features": features}, "MISMATCH", "false", 0),
        "no hash": ({"online_features": features}, "UNCHECKABLE", "unknown", 0),
    }
    asked = [decision(name, 1, 10, **members) for name, (members, *_) in cases.items()]
    parity = replay(log, asked, registry(), engine=engine).parity
    for name, (_, result, flag, fields) in cases.items():
        evidence = parity[name]["evidence"]
        found = (
            parity[name]["result"],
            evidence["online_features_match_hash"],
            len(evidence["mismatch_fields"]),
        )
        assert found == (result, flag, fields), name


@each_engine
def test_what_is_missing_is_not_needed_only_where_that_is_proven(engine: str) -> None:
    """Removed offsets do not matter for a finite window that begins after them; else the reason says why they do."""
    log = _log(*(event(number, 60 * number) for number in range(10)))
    log.delete_records(STREAM, 0, 5)
    late = {"policy": "drop", "allowed_lateness": "1s"}
    found = {
        name: replay(log, [decision("d", 10, 600)], features, engine=engine).parity["d"]
        for name, features in {
            "near": registry("2m"),
            "near, drop": registry("2m", late=late),
            "too far": registry("1h"),
            "lifetime": registry("lifetime"),
        }.items()
    }
    assert {name: parity["reason"] for name, parity in found.items()} == {
        "near": "ONLINE_HASH_MISSING",
        "near, drop": "LATENESS_UNPROVEN",
        "too far": "HISTORY_TRUNCATED",
        "lifetime": "HISTORY_TRUNCATED",
    }
    missing = found["lifetime"]["evidence"]["reason_details"][0]["missing"]
    assert missing == [{"stream": STREAM, "partition": 0, "start": 0, "end": 5}]
