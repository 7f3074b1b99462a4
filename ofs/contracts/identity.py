"""What scopes and dates a snapshot: pins, keys, groups, cut, as-of."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from ofs.contracts.model import (
    BigInteger,
    Contract,
    Hex32,
    Hex64,
    Name,
    NonEmpty,
    Offset,
    PartitionId,
    StreamName,
    Timestamp,
)
from ofs.units import INT64_MAX


class AsOfBasis(StrEnum):
    """Which clock an as-of is read on."""

    EVENT_TIME = "event_time"
    INGEST_TIME = "ingest_time"
    WATERMARK = "watermark"


class ContextPins(Contract):
    """The scope of all state: events and decisions belong together only where all pins are equal, absent ones too."""

    manifest_fingerprint: Hex64
    parameter_hash: Hex64
    scenario_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    run_id: Hex32
    seed: Annotated[int, Field(ge=0, le=INT64_MAX)] | None = None
    platform_run_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    scenario_run_id: Hex32 | None = None


class CanonicalPins(ContextPins):
    """The pins inside hashed bytes, where a seed beyond 2^53-1 is a string."""

    seed: Annotated[int, Field(ge=0, le=INT64_MAX)] | BigInteger | None = None  # type: ignore[assignment]  # wider on purpose


class FeatureKey(Contract):
    """Whose features: `key_id` is the key as it stands in the events."""

    key_type: Name
    key_id: NonEmpty


class FeatureGroupRef(Contract):
    """A feature group at a version; the digest pins its definition where it was recorded."""

    name: NonEmpty
    version: NonEmpty
    digest: Hex64 | None = None


class FeatureGroupVersionSet(Contract):
    """Feature groups, each in one version, with the digests that were used."""

    groups: tuple[FeatureGroupRef, ...]


class AsOfSpec(Contract):
    """The clock value at which windows end; only a watermark as-of may be left to be derived."""

    as_of_time_utc: Timestamp | None = None
    as_of_basis: Annotated[AsOfBasis, Field(strict=False)]

    @model_validator(mode="after")
    def _time_is_given(self) -> AsOfSpec:
        if self.as_of_time_utc is None and self.as_of_basis is not AsOfBasis.WATERMARK:
            raise ValueError("as_of_time_utc is required but for the watermark basis")
        return self


class BasisEntry(Contract):
    """One partition of a cut: `next_offset` is the first offset that had not been applied."""

    stream: StreamName
    partition: PartitionId
    next_offset: Offset
    topic_id: NonEmpty | None = None


class BasisRange(Contract):
    """What a run reads of a partition: `[start, end)`."""

    stream: StreamName
    partition: PartitionId
    start: Offset | BigInteger
    end: Offset | BigInteger


class TimeMapping(Contract):
    """What a time was resolved to, once; the offsets are the truth from then on."""

    stream: StreamName
    partition: PartitionId
    log_time_utc: Timestamp
    offset: Offset | None = None

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """A time after the last record maps to null."""
        return frozenset({"offset"})


class ReplayBasis(Contract):
    """What a run reads, in offsets; the mapping is there where a time range was asked for."""

    ranges: tuple[BasisRange, ...]
    time_mapping: tuple[TimeMapping, ...] | None = None
