"""What is written of a verdict: the hashed bytes, the snapshot, and the ParityResult of a match."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from ofs import _core
from ofs.canonical import jcs, sha256_hex
from tests.unit.engine_core.workbench import (
    LIFETIME,
    PINS,
    Bench,
    Json,
    decision,
    event,
    feature,
    group,
)

GROUP = group(feature("n", "count", LIFETIME), feature("total", "sum", LIFETIME))
BENCH = Bench([GROUP], [[event(0, 10, "1.5")], []])
IDENTITY: Json = {
    "schema_version": "ofs.snapshot/v0",
    "hash_rule": "ofs-jcs-sha256/v1",
    "context_pins": PINS,
    "as_of_spec": {"as_of_basis": "event_time", "as_of_time_utc": "1970-01-01T00:00:00.000012Z"},
    "basis": [
        {"stream": "s", "partition": 0, "next_offset": 1},
        {"stream": "s", "partition": 1, "next_offset": 0},
    ],
    "feature_groups": [{"name": "velocity", "version": "v1", "digest": sha256_hex(jcs(GROUP))}],
    "features": {"card:A": {"velocity": {"n": 1, "total": "1.50"}}},
    "freshness": {
        "card:A": {
            "velocity": {
                "last_event_time_utc": "1970-01-01T00:00:00.000010Z",
                "age_us": 2,
                "state": "FRESH",
            }
        }
    },
}
HASH = hashlib.sha256(jcs(IDENTITY)).hexdigest()


def verdict(snapshots: str = "all", **members: Any) -> _core.Verdict:
    (found,) = BENCH.verdicts([decision(0, 12, (1, 0), **members)], snapshots)
    return found


def test_snapshot_is_the_identity_part_with_hash_and_provenance() -> None:
    """The written snapshot is canonical; without its hash and provenance it is what was hashed."""
    written = verdict().snapshot
    provenance = {"decision_id": "d0", "events_matched": True, "replay_id": "r1"}
    assert written == jcs({**IDENTITY, "snapshot_hash": HASH, "provenance": provenance})


def test_provenance_says_when_no_event_matched() -> None:
    """With no data for any key, or no key of a group's type, no event matched."""
    for keys in ([{"key_type": "card", "key_id": "Z"}], [{"key_type": "bank", "key_id": "A"}]):
        written = verdict(feature_keys=keys).snapshot
        assert written is not None
        assert json.loads(written)["provenance"]["events_matched"] is False


def test_parity_of_a_match_is_complete_and_canonical() -> None:
    """It holds the resolved evidence, the keys as given, and no member that the decision lacks."""
    expected = {
        "as_of_spec": IDENTITY["as_of_spec"],
        "decision_id": "d0",
        "evidence": {
            "basis": IDENTITY["basis"],
            "feature_groups": IDENTITY["feature_groups"],
            "further_reasons": [],
            "mismatch_fields": [],
            "online_features_match_hash": "unknown",
        },
        "feature_keys": [{"key_type": "card", "key_id": "A"}],
        "offline_snapshot_hash": HASH,
        "online_snapshot_hash": HASH,
        "replay_id": "r1",
        "result": "MATCH",
    }
    assert verdict(online_snapshot_hash=HASH).parity == jcs(expected)
    found = verdict(online_snapshot_hash=HASH, request_id='a"\n')
    assert found.parity == jcs({**expected, "request_id": 'a"\n'})


@pytest.mark.parametrize(
    ("online", "flag"),
    [
        (IDENTITY["features"], "true"),
        ({"card:A": {"velocity": {"total": "1.50", "n": 1.0}}}, "true"),  # canonically equal
        ({"card:A": {"velocity": {"n": 1, "total": 1.5}}}, "false"),
        ({}, "false"),
    ],
)
def test_online_features_are_compared_by_canonical_bytes(online: Json, flag: str) -> None:
    """The flag says whether the recorded features are the rebuilt ones; a match does not depend on it."""
    found = verdict(online_snapshot_hash=HASH, online_features=online)
    assert found.status == "MATCH"
    assert found.parity is not None
    assert json.loads(found.parity)["evidence"]["online_features_match_hash"] == flag


@pytest.mark.parametrize(
    ("members", "snapshots", "status", "written"),
    [
        ({"online_snapshot_hash": HASH}, "all", "MATCH", True),
        ({"online_snapshot_hash": HASH}, "mismatch", "MATCH", False),
        ({"online_snapshot_hash": HASH}, "none", "MATCH", False),
        ({"online_snapshot_hash": "0" * 64}, "mismatch", "MISMATCH", True),
        ({"online_snapshot_hash": "0" * 64}, "none", "MISMATCH", True),
        ({}, "none", "ONLINE_HASH_MISSING", True),
    ],
)
def test_status_follows_the_recorded_hash(members: Json, snapshots: str, status: str, written: bool) -> None:
    """Only a match has a finished parity record; a snapshot that explains something is always handed out."""
    found = verdict(snapshots, **members)
    assert (found.index, found.status) == (0, status)
    assert (found.parity is not None) == (status == "MATCH")
    assert (found.snapshot is not None) == written


def test_keys_stand_in_the_order_of_utf16_code_units() -> None:
    """Characters beyond U+FFFF come before U+E000 and above, and names are escaped as canonical JSON does."""
    ids = ["\U0001f600", "\ufffd", 'q"', "\u001f", "A"]
    snapshot = BENCH.snapshot(12, (1, 0), cards=ids)
    assert list(snapshot["features"]) == [
        f"card:{card}" for card in ("\u001f", "A", 'q"', "\U0001f600", "\ufffd")
    ]
    hashed = {name: value for name, value in snapshot.items() if name not in ("snapshot_hash", "provenance")}
    assert snapshot["snapshot_hash"] == sha256_hex(jcs(hashed))


def test_unknown_choice_of_snapshots_is_refused() -> None:
    """`snapshots` is all, mismatch or none."""
    with pytest.raises(ValueError, match="all, mismatch or none"):
        verdict("some")
