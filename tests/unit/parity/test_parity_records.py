"""Verdicts as records: what decides, which reason is given, and what a result says of a decision it cannot check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ofs.canonical import jcs, sha256_hex
from ofs.contracts import ParityResult, Reason, ReasonDetail
from ofs.contracts.identity import BasisRange
from ofs.parity.records import Rebuilt, parity_result
from ofs.planner.decisions import Decision, decode_decision
from tests.golden.admission_cases import PINS
from tests.unit.planner.facts import line, record

REPLAY = "ef" * 32
FEATURES: dict[str, Any] = {
    "account_id:K": {"hour": {"n": 2, "mean": "1.50", "top": [["a", 2]], "last": None}}
}
IDENTITY: dict[str, Any] = {
    "schema_version": "ofs.snapshot/v0",
    "hash_rule": "ofs-jcs-sha256/v1",
    "context_pins": PINS,
    "as_of_spec": {"as_of_basis": "event_time", "as_of_time_utc": "1970-01-05T04:00:00.000000Z"},
    "basis": [{"stream": "events", "partition": 0, "next_offset": 100}],
    "feature_groups": [{"name": "hour", "version": "v1", "digest": "cd" * 32}],
    "features": FEATURES,
    "freshness": {
        "account_id:K": {"hour": {"last_event_time_utc": None, "age_us": None, "state": "NO_DATA"}}
    },
}


def hash_with(features: Any) -> str:
    """The hash of the identity part with these features."""
    return sha256_hex(jcs({**IDENTITY, "features": features}))


SNAPSHOT = {
    **IDENTITY,
    "snapshot_hash": hash_with(FEATURES),
    "provenance": {"replay_id": REPLAY, "events_matched": False},
}


def judged(
    text: bytes, *, rebuilt: dict[str, Any] | None = SNAPSHOT, reasons: Sequence[ReasonDetail] = ()
) -> ParityResult:
    """The result on a decision line; its bytes are those of a valid contract."""
    decision = decode_decision(text)
    assert isinstance(decision, Decision)
    result = parity_result(
        decision,
        line=text,
        replay_id=REPLAY,
        rebuilt=None if rebuilt is None else Rebuilt(rebuilt),
        reasons=[*decision.problems, *reasons],
        digests={("hour", "v1"): "cd" * 32},
    )
    assert ParityResult.model_validate_json(result.to_bytes()).to_dict() == result.to_dict()
    return result


def with_features(features: Any, online_hash: str | None = None) -> bytes:
    """A decision that recorded these features, and the hash that they give where none is said."""
    return line(online_features=features, online_snapshot_hash=online_hash or hash_with(features))


def test_equal_hashes_are_a_match() -> None:
    """The whole record of a match without recorded features."""
    result = judged(line(online_snapshot_hash=hash_with(FEATURES), request_id="r1"))
    assert result.to_dict() == {
        "decision_id": "d1",
        "request_id": "r1",
        "feature_keys": [{"key_type": "account_id", "key_id": "K"}],
        "as_of_spec": IDENTITY["as_of_spec"],
        "online_snapshot_hash": hash_with(FEATURES),
        "offline_snapshot_hash": hash_with(FEATURES),
        "result": "MATCH",
        "replay_id": REPLAY,
        "evidence": {
            "feature_groups": IDENTITY["feature_groups"],
            "basis": IDENTITY["basis"],
            "mismatch_fields": [],
            "online_features_match_hash": "unknown",
            "further_reasons": [],
        },
    }


def test_other_hashes_are_a_mismatch_with_the_fields() -> None:
    """Recorded features that give the recorded hash are told to be the live plane's own."""
    online = {"account_id:K": {"hour": {**FEATURES["account_id:K"]["hour"], "n": 3, "mean": "1.51"}}}
    result = judged(with_features(online))
    assert result.result == "MISMATCH"
    assert [(f.path, f.online, f.offline) for f in result.evidence.mismatch_fields] == [
        ("/features/account_id:K/hour/mean", "1.51", "1.50"),
        ("/features/account_id:K/hour/n", 3, 2),
    ]
    assert result.evidence.online_features_match_hash == "true"


@pytest.mark.parametrize(
    ("features", "online_hash", "result", "flag", "fields"),
    [
        (FEATURES, hash_with(FEATURES), "MATCH", "true", 0),
        ({}, hash_with(FEATURES), "MATCH", "false", 0),
        (FEATURES, "0" * 64, "MISMATCH", "false", 0),
        (
            {"account_id:K": {"hour": {**FEATURES["account_id:K"]["hour"], "n": 3}}},
            "0" * 64,
            "MISMATCH",
            "false",
            1,
        ),
        (None, "0" * 64, "MISMATCH", "unknown", 0),
    ],
)
def test_recorded_features_are_held_against_the_recorded_hash(
    features: Any, online_hash: str, result: str, flag: str, fields: int
) -> None:
    """Equal features under another hash are a mismatch without fields, and the flag says which of the two is wrong."""
    found = judged(with_features(features, online_hash))
    assert (found.result, found.evidence.online_features_match_hash) == (result, flag)
    assert len(found.evidence.mismatch_fields) == fields


@pytest.mark.parametrize(
    ("literal", "equal"),
    [("2", True), ("2.0", True), ("20e-1", True), ("2.5", False), ('"2"', False), ("true", False)],
)
def test_recorded_numbers_are_compared_in_canonical_form(literal: str, equal: bool) -> None:
    """2 and 2.0 are one number; a string or a bool is none."""
    text = with_features(FEATURES, "0" * 64).replace(b'"n": 2', f'"n": {literal}'.encode())
    fields = judged(text).evidence.mismatch_fields
    assert [field.path for field in fields] == ([] if equal else ["/features/account_id:K/hour/n"])


def test_a_recorded_integer_beyond_the_safe_ones_equals_its_string() -> None:
    """Canonical form writes it as a string, and so does a snapshot."""
    offline = {"account_id:K": {"hour": {"n": "9007199254740993"}}}
    text = with_features(FEATURES, "0" * 64).replace(
        json.dumps(FEATURES).encode(), b'{"account_id:K": {"hour": {"n": 9007199254740993}}}'
    )
    result = judged(text, rebuilt={**SNAPSHOT, "features": offline})
    assert result.evidence.mismatch_fields == ()


def detail(reason: Reason, **members: Any) -> ReasonDetail:
    """A reason with its evidence."""
    return ReasonDetail(reason=reason, **members)


def test_the_first_reason_by_precedence_is_given_and_the_others_stand_in_the_evidence() -> None:
    """Whatever their order; a reason that comes twice is named once, with all its details."""
    span = BasisRange(stream="events", partition=0, start=0, end=7)
    reasons = [
        detail(Reason.ONLINE_HASH_MISSING),
        detail(Reason.HISTORY_TRUNCATED, missing=(span,)),
        detail(Reason.DEFINITION_MISSING, names=("x:v1",)),
        detail(Reason.HISTORY_TRUNCATED, missing=(span,)),
    ]
    result = judged(line(), rebuilt=None, reasons=reasons)
    assert (result.result, result.reason) == ("UNCHECKABLE", "DEFINITION_MISSING")
    assert result.evidence.further_reasons == (Reason.HISTORY_TRUNCATED, Reason.ONLINE_HASH_MISSING)
    assert [d.reason for d in result.evidence.reason_details or ()] == [
        Reason.DEFINITION_MISSING,
        Reason.HISTORY_TRUNCATED,
        Reason.HISTORY_TRUNCATED,
        Reason.ONLINE_HASH_MISSING,
    ]
    assert result.offline_snapshot_hash is None


@pytest.mark.parametrize("reason", list(Reason))
def test_any_reason_makes_a_decision_uncheckable(reason: Reason) -> None:
    """Also where the hashes are equal."""
    result = judged(line(online_snapshot_hash=hash_with(FEATURES)), reasons=[detail(reason)])
    assert (result.result, result.reason, result.evidence.further_reasons) == ("UNCHECKABLE", reason, ())


def test_a_snapshot_that_could_be_rebuilt_is_named_without_a_recorded_hash() -> None:
    """The offline hash stands, and no field is compared."""
    text = line(online_snapshot_hash=..., online_features=FEATURES)
    result = judged(text, reasons=[detail(Reason.ONLINE_HASH_MISSING)])
    assert (result.reason, result.online_snapshot_hash, result.offline_snapshot_hash) == (
        "ONLINE_HASH_MISSING",
        None,
        hash_with(FEATURES),
    )
    assert (result.evidence.mismatch_fields, result.evidence.online_features_match_hash) == ((), "unknown")


@pytest.mark.parametrize(
    ("member", "reason", "null"),
    [
        ("context_pins", "PINS_INVALID", None),
        ("feature_keys", "KEY_INVALID", "feature_keys"),
        ("feature_groups", "DECISION_INVALID", "feature_groups"),
        ("as_of_spec", "AS_OF_INVALID", "as_of_spec"),
        ("basis", "BASIS_MISSING", "basis"),
    ],
)
@pytest.mark.parametrize("value", [..., None, [], "x", 1], ids=repr)
def test_a_member_that_is_lacking_or_ill_typed_is_null(
    member: str, reason: str, null: str | None, value: Any
) -> None:
    """One bad decision has a result as any other; what it has well is still said."""
    result = judged(line(**{member: value}), rebuilt=None).to_dict()
    expected = "BASIS_INCOMPLETE" if member == "basis" and value in ("x", 1) else reason
    assert (result["result"], result["reason"]) == ("UNCHECKABLE", expected)
    said = {**result, **result["evidence"]}
    nulls = {name for name in ("feature_keys", "as_of_spec", "feature_groups", "basis") if said[name] is None}
    assert nulls == ({null} if null else set())


def test_a_decision_with_nothing_but_an_id_has_a_result() -> None:
    """Every reason of its form, the first by precedence given."""
    result = judged(b'{"decision_id":"d1"}', rebuilt=None)
    assert result.reason == "DECISION_INVALID"
    assert result.evidence.further_reasons == tuple(
        Reason(name) for name in ("PINS_INVALID", "KEY_INVALID", "AS_OF_INVALID", "BASIS_MISSING")
    )


def test_groups_carry_the_digests_that_were_used() -> None:
    """The registry's where it has the version, else what was recorded, else none."""
    groups = [
        {"name": "hour", "version": "v1"},
        {"name": "x", "version": "v1", "digest": "12" * 32},
        {"name": "y", "version": "v1"},
    ]
    result = judged(line(feature_groups=groups), rebuilt=None, reasons=[detail(Reason.DEFINITION_MISSING)])
    found = [(group.name, group.digest) for group in result.evidence.feature_groups or ()]
    assert found == [("hour", "cd" * 32), ("x", "12" * 32), ("y", None)]


def test_the_resolved_as_of_is_shown_where_a_snapshot_was_rebuilt() -> None:
    """A derived watermark has no time in the decision, and has one in the result."""
    resolved = {"as_of_basis": "watermark", "as_of_time_utc": "2026-01-01T00:00:00.000000Z"}
    text = line(as_of_spec={"as_of_basis": "watermark"})
    assert judged(text, rebuilt=None, reasons=[detail(Reason.AS_OF_INVALID)]).to_dict()["as_of_spec"] == {
        "as_of_basis": "watermark"
    }
    assert judged(text, rebuilt={**SNAPSHOT, "as_of_spec": resolved}).to_dict()["as_of_spec"] == resolved


def test_the_basis_is_sorted() -> None:
    """As in the hashed bytes."""
    basis = [
        {"stream": stream, "partition": number, "next_offset": 1, "topic_id": "T"}
        for stream in ("b", "a")
        for number in (1, 0)
    ]
    shown = judged(line(basis=basis)).to_dict()["evidence"]["basis"]
    assert [(entry["stream"], entry["partition"]) for entry in shown] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("b", 1),
    ]
    assert "topic_id" not in shown[0]
    assert record()["basis"] != basis
