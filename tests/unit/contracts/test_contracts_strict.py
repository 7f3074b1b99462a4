"""Contracts coerce nothing, forbid or ignore unknown members as they say, and leave out what is absent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ofs.contracts import (
    PUBLIC_CONTRACTS,
    AsOfSpec,
    CanonicalPins,
    Contract,
    DecisionRecord,
    EventEnvelope,
    Reason,
)
from ofs.contracts.results import FieldMismatch, Freshness, ReasonDetail
from tests.unit.contracts.examples import EXAMPLES, PINS

BY_NAME = {model.__name__: model for model in PUBLIC_CONTRACTS}
OPEN = {"EventEnvelope", "DecisionRecord"}


def changed(name: str, path: str, value: Any) -> dict[str, Any]:
    """The example with one member replaced; `path` goes through objects and lists by dots."""
    example: dict[str, Any] = json.loads(json.dumps(EXAMPLES[name]))
    *way, last = path.split(".")
    target: Any = example
    for step in way:
        target = target[int(step)] if isinstance(target, list) else target[step]
    target[last] = value
    return example


def check_refused(name: str, members: dict[str, Any]) -> None:
    """The members are refused, as JSON text is."""
    with pytest.raises(ValidationError):
        BY_NAME[name].model_validate_json(json.dumps(members))


def test_every_contract_has_an_example() -> None:
    """The examples are those of the public contracts, all of them."""
    assert set(EXAMPLES) == set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_is_accepted_and_written_as_it_was(name: str) -> None:
    """What was read is what is written: nothing added, nothing lost, as values and as JSON."""
    example = EXAMPLES[name]
    text = json.dumps(example)
    read = BY_NAME[name].model_validate_json(text)
    assert json.loads(read.to_bytes()) == json.loads(text)
    assert BY_NAME[name].model_validate(example) == read


@pytest.mark.parametrize("name", BY_NAME)
def test_unknown_members_are_forbidden_or_ignored(name: str) -> None:
    """Records from outside may have more members, which are dropped; all others may not."""
    members = {**json.loads(json.dumps(EXAMPLES[name])), "unheard_of": 1}
    if name in OPEN:
        read = BY_NAME[name].model_validate_json(json.dumps(members))
        assert "unheard_of" not in read.to_dict()
    else:
        check_refused(name, members)


@pytest.mark.parametrize("name", BY_NAME)
def test_required_members_are_required(name: str) -> None:
    """Leaving out any member that has no default is refused."""
    required = [member for member, info in BY_NAME[name].model_fields.items() if info.is_required()]
    assert required
    for member in required:
        check_refused(name, {k: v for k, v in EXAMPLES[name].items() if k != member})


@pytest.mark.parametrize("name", BY_NAME)
def test_contracts_are_frozen(name: str) -> None:
    """No member can be assigned."""
    read = BY_NAME[name].model_validate(EXAMPLES[name])
    with pytest.raises(ValidationError):
        setattr(read, next(iter(BY_NAME[name].model_fields)), None)


_REFUSED_VALUES: dict[tuple[str, str], tuple[Any, ...]] = {
    ("ContextPins", "manifest_fingerprint"): ("a" * 63, "A" * 64, "a" * 64 + "\n", 1, None),
    ("ContextPins", "parameter_hash"): ("", "a" * 65, "g" * 64, [], None),
    ("ContextPins", "run_id"): ("a" * 31, "g" * 32, 1, None),
    ("ContextPins", "scenario_run_id"): ("a" * 33, "A" * 32, 1),
    ("ContextPins", "seed"): (-1, 2**63, 1.0, "1", True),
    ("ContextPins", "scenario_id"): ("", "x" * 257, 1, None),
    ("ContextPins", "platform_run_id"): ("", "x" * 129, 1),
    ("FeatureKey", "key_type"): ("", "Account", "1a", "a-b", "a" * 129, None),
    ("FeatureKey", "key_id"): ("", 1, None),
    ("AsOfSpec", "as_of_time_utc"): (
        None,
        0,
        "2026-01-01",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:00+00:00",
    ),
    ("AsOfSpec", "as_of_basis"): ("processing_time", "EVENT_TIME", None, 1),
    ("ReplayBasis", "ranges.0.start"): (-1, 2**63, 1.0, "1", True),
    ("ReplayBasis", "ranges.0.end"): (-1, 2**63, 1.0, "1", None),
    ("ReplayBasis", "ranges.0.partition"): (-1, 2**31, None),
    ("ReplayBasis", "ranges.0.stream"): ("", "s" * 250),
    ("DecisionRecord", "decision_id"): ("", "d" * 257, 1),
    ("DecisionRecord", "feature_keys"): ([], {}, None),
    ("DecisionRecord", "feature_groups"): ([], {}, None),
    ("DecisionRecord", "basis"): ([], {}, None),
    ("DecisionRecord", "online_snapshot_hash"): ("ab", "AB" * 32, 1),
    ("DecisionRecord", "context_pins.unheard_of"): (1,),
    ("DecisionRecord", "feature_keys.0.unheard_of"): (1,),
    ("DecisionRecord", "as_of_spec.unheard_of"): (1,),
    ("DecisionRecord", "basis.0.topic_id"): ("", 1),
    ("DecisionRecord", "online_features"): ([], "x"),
    ("DecisionRecord", "extensions"): ("x",),
    ("EventEnvelope", "payload"): ([], None),
    ("EventEnvelope", "event_id"): ("e" * 257, 1),
    ("EventEnvelope", "ts_utc"): ("2026-01-01T00:00:60Z", 1),
    ("ReplayRequest", "schema_version"): ("ofs.request/v1",),
    ("ReplayRequest", "max_clock_skew_us"): (-1, 0.5),
    ("ReplayRequest", "snapshots"): ("some",),
    ("RebuiltFeatureSnapshot", "schema_version"): ("ofs.snapshot/v1",),
    ("RebuiltFeatureSnapshot", "freshness.account_id:A1.velocity.state"): ("OLD",),
    ("RebuiltFeatureSnapshot", "freshness.account_id:A1.velocity.age_us"): (-1, "7"),
    ("RebuiltFeatureSnapshot", "snapshot_hash"): (None, "ab"),
    ("ParityResult", "result"): ("MAYBE", None),
    ("ParityResult", "reason"): ("BECAUSE",),
    ("ParityResult", "evidence.online_features_match_hash"): (True, None),
    ("DeadLetter", "line"): (-1, "1"),
    ("DeadLetter", "reason"): ("OTHER",),
    ("CutCertificate", "partitions.0.start_from"): ("guess",),
    ("CutCertificate", "partitions.0.records"): (1.5, -1),
    ("RunRecord", "figures"): ({"rate": 1.5},),
    ("ErrorResponse", "message"): ("",),
}
REFUSED = [(name, path, value) for (name, path), values in _REFUSED_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "path", "value"), REFUSED)
def test_what_is_not_the_contract_is_refused(name: str, path: str, value: Any) -> None:
    """No coercion, no value out of bounds, no unknown member inside."""
    check_refused(name, changed(name, path, value))


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("ContextPins", "seed", 0),
        ("ContextPins", "seed", 2**63 - 1),
        ("ContextPins", "seed", None),
        ("ContextPins", "scenario_id", "\U0001f600" * 256),
        ("ContextPins", "platform_run_id", "é" * 128),
        ("FeatureKey", "key_type", "a" * 128),
        ("AsOfSpec", "as_of_time_utc", "0001-01-01T00:00:00.1Z"),
        ("ReplayBasis", "ranges.0.end", 2**63 - 1),
        ("ReplayBasis", "ranges.0.partition", 2**31 - 1),
        ("DecisionRecord", "decision_id", "\U0001f600" * 256),
        ("DecisionRecord", "extensions", {"a": [1.5, None]}),
        ("EventEnvelope", "trace_id", {"any": "thing"}),
        ("RebuiltFeatureSnapshot", "context_pins.seed", "9223372036854775807"),
        ("RebuiltFeatureSnapshot", "freshness.account_id:A1.velocity.age_us", "315537897599999999"),
    ],
)
def test_the_edges_of_the_contract_are_inside(name: str, path: str, value: Any) -> None:
    """The largest and smallest values that are allowed."""
    read = BY_NAME[name].model_validate_json(json.dumps(changed(name, path, value)))
    assert isinstance(read, BY_NAME[name])


def test_only_a_watermark_may_come_without_its_time() -> None:
    """The time of other bases is required, and left out where there is none."""
    assert AsOfSpec(as_of_basis="watermark").to_dict() == {"as_of_basis": "watermark"}  # type: ignore[arg-type]  # as JSON has it
    for basis in ("event_time", "ingest_time"):
        with pytest.raises(ValidationError):
            AsOfSpec.model_validate({"as_of_basis": basis})


@pytest.mark.parametrize(
    ("contract", "members"),
    [
        (
            FieldMismatch(path="/a", online=None, offline=[None]),
            {"path": "/a", "online": None, "offline": [None]},
        ),
        (
            Freshness(last_event_time_utc=None, age_us=None, state="NO_DATA"),
            {"last_event_time_utc": None, "age_us": None, "state": "NO_DATA"},
        ),
        (ReasonDetail(reason=Reason.BASIS_MISSING), {"reason": "BASIS_MISSING"}),
        (ReasonDetail(reason=Reason.KEY_INVALID, names=()), {"reason": "KEY_INVALID", "names": []}),
    ],
)
def test_absent_members_are_left_out_and_nulls_stand_where_they_mean_something(
    contract: Contract, members: dict[str, Any]
) -> None:
    """None is left out but for the nullable members; an empty list is not absent."""
    assert contract.to_dict() == members


def test_optional_members_that_are_null_are_absent() -> None:
    """A null in a record from outside is the same as no member."""
    envelope = {**EXAMPLES["EventEnvelope"], "seed": None, "producer": None}
    assert EventEnvelope.model_validate(envelope) == EventEnvelope.model_validate(EXAMPLES["EventEnvelope"])
    decision = {**EXAMPLES["DecisionRecord"], "hash_rule": None, "online_features": None}
    assert (
        DecisionRecord.model_validate(decision).to_dict()
        == DecisionRecord.model_validate(EXAMPLES["DecisionRecord"]).to_dict()
    )


def test_nulls_inside_open_members_stay() -> None:
    """Features and payloads are not ours to shorten."""
    decision = DecisionRecord.model_validate(
        {**EXAMPLES["DecisionRecord"], "online_features": {"a": {"g": {"f": None}}}}
    )
    assert decision.to_dict()["online_features"] == {"a": {"g": {"f": None}}}


def test_a_seed_is_a_string_only_beyond_the_safe_integers() -> None:
    """Canonical pins hold what format_integer writes; a short string is no seed."""
    assert CanonicalPins.model_validate({**PINS, "seed": 7}).to_dict()["seed"] == 7
    with pytest.raises(ValidationError):
        CanonicalPins.model_validate({**PINS, "seed": "7"})


def test_reasons_stand_in_their_order_of_precedence() -> None:
    """The closed list of reasons, first the one that is given first."""
    assert [str(reason) for reason in Reason] == [
        "DECISION_INVALID",
        "PINS_INVALID",
        "KEY_INVALID",
        "AS_OF_INVALID",
        "BASIS_MISSING",
        "BASIS_INCOMPLETE",
        "HASH_RULE_UNKNOWN",
        "DEFINITION_MISSING",
        "DEFINITION_DIGEST_MISMATCH",
        "TOPIC_RECREATED",
        "STREAM_COMPACTED",
        "BASIS_BEYOND_LOG_END",
        "ARCHIVE_GAP",
        "LATENESS_UNPROVEN",
        "HISTORY_TRUNCATED",
        "ONLINE_HASH_MISSING",
    ]
