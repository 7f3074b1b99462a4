"""Rows of a stream: for every event the features of its keys just before it; and the record of a run of them."""

from __future__ import annotations

from typing import Any, Literal

from ofs.contracts.identity import CanonicalPins, ReplayBasis
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
from ofs.contracts.request import DefinitionIdentity, StreamIdentity


class EventRowGroup(Contract):
    """A group's features of the event's key, as a snapshot has them; both null where the event has no key."""

    key_id: NonEmpty | None
    features: dict[str, Any] | None

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where the event has no key of the group."""
        return frozenset({"key_id", "features"})


class EventRow(Contract):
    """What was known of an event's keys just before it: as of its own time, at the cut before it in arrival order."""

    replay_id: Hex64
    stream: StreamName
    partition: PartitionId
    offset: Offset | BigInteger
    event_id: NonEmpty
    event_type: NonEmpty
    as_of_time_utc: Timestamp
    groups: dict[str, EventRowGroup]


class RowsRequest(Contract):
    """All that the rows depend on: its digest is the replay id. `basis`: what is read, always resolved to offsets."""

    schema_version: Literal["ofs.rows-request/v0"]
    stream: StreamIdentity
    basis: ReplayBasis
    context_pins: CanonicalPins
    definitions: tuple[DefinitionIdentity, ...]
    max_clock_skew_us: Count


class RowsRunRecord(Contract):
    """A run of rows: its request, figures and outputs. Times and figures differ from run to run and are not compared.

    `left_out`: events whose features cannot be established, by the reason. `columns`: `name` and `type`, in order.
    `record_digest`: in a folder, SHA-256 over the RFC 8785 bytes of the record without this member.
    """

    schema_version: Literal["ofs.rows-run/v0"]
    replay_id: Hex64
    request: dict[str, Any]
    engine: str
    engine_version: str
    started_at_utc: Timestamp
    finished_at_utc: Timestamp
    rows: Count
    left_out: dict[str, Count]
    columns: tuple[dict[str, str], ...]
    certificate_digest: Hex64
    outputs: dict[str, dict[str, Any]]
    figures: dict[str, int]
    record_digest: Hex64 | None = None
