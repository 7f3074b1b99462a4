"""What a run writes: snapshots, parity results, certificates, its own record, dataset manifests, errors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from ofs.contracts.identity import (
    AsOfSpec,
    BasisRange,
    CanonicalPins,
    ContextPins,
    FeatureGroupRef,
    FeatureGroupVersionSet,
    FeatureKey,
    ReplayBasis,
    TimeMapping,
)
from ofs.contracts.model import (
    BigInteger,
    Contract,
    Count,
    Hex64,
    NonEmpty,
    Offset,
    PartitionId,
    StreamName,
    Timestamp,
)

SNAPSHOT_SCHEMA = "ofs.snapshot/v0"


class Result(StrEnum):
    """The verdict on one decision."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"
    UNCHECKABLE = "UNCHECKABLE"


class Reason(StrEnum):
    """Why a decision is UNCHECKABLE. The order is that of precedence: the first that applies is given."""

    DECISION_INVALID = "DECISION_INVALID"
    PINS_INVALID = "PINS_INVALID"
    KEY_INVALID = "KEY_INVALID"
    AS_OF_INVALID = "AS_OF_INVALID"
    BASIS_MISSING = "BASIS_MISSING"
    BASIS_INCOMPLETE = "BASIS_INCOMPLETE"
    HASH_RULE_UNKNOWN = "HASH_RULE_UNKNOWN"
    DEFINITION_MISSING = "DEFINITION_MISSING"
    DEFINITION_DIGEST_MISMATCH = "DEFINITION_DIGEST_MISMATCH"
    TOPIC_RECREATED = "TOPIC_RECREATED"
    STREAM_COMPACTED = "STREAM_COMPACTED"
    BASIS_BEYOND_LOG_END = "BASIS_BEYOND_LOG_END"
    ARCHIVE_GAP = "ARCHIVE_GAP"
    LATENESS_UNPROVEN = "LATENESS_UNPROVEN"
    HISTORY_TRUNCATED = "HISTORY_TRUNCATED"
    ONLINE_HASH_MISSING = "ONLINE_HASH_MISSING"


class CutEntry(Contract):
    """One partition of the cut inside the hashed bytes; sorted by (stream, partition)."""

    stream: StreamName
    partition: PartitionId
    next_offset: Offset | BigInteger


class Freshness(Contract):
    """How old a group's last event of a key is at as-of."""

    last_event_time_utc: Timestamp | None
    age_us: Count | BigInteger | None
    state: Literal["FRESH", "STALE", "NO_DATA"]

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where the state is NO_DATA."""
        return frozenset({"last_event_time_utc", "age_us"})


class SnapshotProvenance(Contract):
    """Where a snapshot comes from; outside the hash. `events_matched` is false where no group saw an event."""

    decision_id: NonEmpty | None = None
    replay_id: Hex64
    events_matched: bool


class RebuiltFeatureSnapshot(Contract):
    """The features of the asked keys at a cut and an as-of. All but the last two members are hashed."""

    schema_version: Literal["ofs.snapshot/v0"]
    hash_rule: NonEmpty
    context_pins: CanonicalPins
    as_of_spec: AsOfSpec
    basis: tuple[CutEntry, ...]
    feature_groups: tuple[FeatureGroupRef, ...]
    features: dict[str, dict[str, dict[str, Any]]]
    freshness: dict[str, dict[str, Freshness]]
    snapshot_hash: Hex64
    provenance: SnapshotProvenance


class FieldMismatch(Contract):
    """`path` is a JSON Pointer into the identity part; a side that lacks it is null."""

    path: str
    online: Any
    offline: Any

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """A value may be null, and a side may lack it."""
        return frozenset({"online", "offline"})


class ReasonDetail(Contract):
    """One reason with the exact names or ranges that are missing."""

    reason: Annotated[Reason, Field(strict=False)]
    detail: str | None = None
    names: tuple[str, ...] | None = None
    missing: tuple[BasisRange, ...] | None = None


class ParityEvidence(Contract):
    """What a verdict rests on."""

    feature_groups: tuple[FeatureGroupRef, ...] | None
    basis: tuple[Any, ...] | None
    mismatch_fields: tuple[FieldMismatch, ...]
    online_features_match_hash: Literal["true", "false", "unknown"]
    reason_details: tuple[ReasonDetail, ...] | None = None
    further_reasons: tuple[Annotated[Reason, Field(strict=False)], ...]
    explanation: str | None = None

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where the decision lacks the member or has it ill-typed."""
        return frozenset({"feature_groups", "basis"})


class ParityResult(Contract):
    """The verdict on one decision, with its evidence."""

    decision_id: str
    request_id: str | None = None
    feature_keys: tuple[FeatureKey, ...] | None
    as_of_spec: AsOfSpec | None
    online_snapshot_hash: Hex64 | None
    offline_snapshot_hash: Hex64 | None
    result: Annotated[Result, Field(strict=False)]
    reason: Annotated[Reason, Field(strict=False)] | None = None
    replay_id: Hex64
    evidence: ParityEvidence

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where the decision lacks the member or has it ill-typed, or nothing was rebuilt."""
        return frozenset({"feature_keys", "as_of_spec", "online_snapshot_hash", "offline_snapshot_hash"})


class DeadLetter(Contract):
    """A decision line that names no decision, or contradicts another one."""

    source: str
    line: Count
    reason: Literal["NOT_AN_OBJECT", "DECISION_ID_MISSING", "DECISION_CONFLICT"]
    decision_id: str | None = None
    sha256: Hex64
    text: str


class Listed(Contract):
    """A count and the first 1,000 offsets."""

    count: Count
    offsets: tuple[Offset, ...]


class Rejected(Contract):
    """Records that were not admitted: by reason, and the first 1,000 as (offset, reason)."""

    count: Count
    by_reason: dict[str, Count]
    offsets: tuple[tuple[Offset, str], ...]


class Holes(Contract):
    """Offsets that delivered nothing: control records, aborted or compacted ones; counted, not classified."""

    count: Count
    ranges: tuple[tuple[Offset, Offset], ...]


class GroupCounts(Contract):
    """What became of the admitted first copies of a group's event types, in the folded pins."""

    usable: Count
    filtered: Count
    no_key: Listed
    key_invalid: Listed
    value_invalid: Listed
    value_missing: Listed
    late: Listed


class PartitionCertificate(Contract):
    """What a run read of one partition: `[start, end)`.

    `partition_count`: of the stream, when the run was planned. `low_watermark`, `last_stable_offset`: the broker's;
    null without a broker. `bound_skew_us`: the clock skew that a start in time rests on; null where it rests on none.
    """

    stream: StreamName
    partition: PartitionId
    partition_count: Count
    log_id: NonEmpty
    topic_id: NonEmpty | None
    start: Offset
    start_from: Literal["origin", "bound", "checkpoint"]
    end: Offset
    bound_skew_us: Count | None
    low: Offset
    log_end: Offset
    low_watermark: Offset | None
    last_stable_offset: Offset | None
    expired: tuple[tuple[Offset, Offset], ...]
    records: Count
    admitted: Count
    rejected: Rejected
    duplicates: Listed
    duplicates_differing: Listed
    other_pins: Count
    holes: Holes
    unread: tuple[tuple[Offset, Offset], ...]
    skew_us_max: int | BigInteger | None
    skew_violation: Offset | None
    content_digest: Hex64
    groups: dict[str, GroupCounts]

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where there is none."""
        broker = {"topic_id", "low_watermark", "last_stable_offset"}
        return frozenset({*broker, "bound_skew_us", "skew_us_max", "skew_violation"})


class CutCertificate(Contract):
    """Proof of what a run read, and of what it had to assume."""

    schema_version: Literal["ofs.certificate/v0"]
    replay_id: Hex64
    partitions: tuple[PartitionCertificate, ...]
    time_mapping: tuple[TimeMapping, ...] | None = None
    max_clock_skew_us: Count
    assumptions: tuple[str, ...]


class SelfCheckRun(Contract):
    """How one run of a self-check was executed: nothing of it may change a byte of the outputs."""

    batch_size: Count
    workers: Count
    uneven_reads: bool
    state_on_disk: bool


class SelfCheck(Contract):
    """Runs of one batch against each other, before its outputs were written: whether all of their digests are equal."""

    runs: tuple[SelfCheckRun, ...]
    equal: bool


class RunRecord(Contract):
    """A run: its request, figures and outputs. Times and figures differ from run to run and are not compared.

    `record_digest`: in a folder, SHA-256 over the RFC 8785 bytes of the record without this member.
    """

    schema_version: Literal["ofs.run/v0"]
    replay_id: Hex64
    request: dict[str, Any]
    engine: str
    engine_version: str
    started_at_utc: Timestamp
    finished_at_utc: Timestamp
    decisions: Count
    duplicate_decisions: Count
    dead_letters: Count
    results: dict[str, Count]
    reasons: dict[str, Count]
    mismatch_fields: dict[str, Count]
    parity_digest: Hex64
    certificate_digest: Hex64
    outputs: dict[str, dict[str, Any]]
    figures: dict[str, int]
    self_check: SelfCheck | None = None
    record_digest: Hex64 | None = None

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where the batch was not checked."""
        return frozenset({"self_check"})


class DatasetManifest(Contract):
    """What a training dataset was made from."""

    dataset_id: NonEmpty
    dataset_kind: NonEmpty
    schema_version: Literal["ofs.dataset/v0"]
    context_pins: ContextPins
    feature_group_versions: FeatureGroupVersionSet
    replay_basis: ReplayBasis
    as_of_spec: AsOfSpec | None = None
    label_as_of: Timestamp | None = None
    row_count: Count
    content_digest: Hex64
    columns: tuple[dict[str, Any], ...]
    artifact_ref: NonEmpty
    replay_id: Hex64


class ErrorResponse(Contract):
    """An error as `--json` prints it."""

    error: NonEmpty
    message: NonEmpty
    hint: str | None = None
    exit_code: int
