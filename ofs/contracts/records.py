"""Records from outside: events and decisions. Members that OFS does not know are ignored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ofs.contracts.identity import AsOfSpec, BasisEntry, ContextPins, FeatureGroupRef, FeatureKey
from ofs.contracts.model import Hex32, Hex64, OpenContract, Timestamp
from ofs.units import INT64_MAX

_Id = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class EventEnvelope(OpenContract):
    """The canonical envelope of an admitted event. `ts_utc` is the event time; the pins stand at the top level."""

    event_id: _Id
    event_type: _Id
    ts_utc: Timestamp
    manifest_fingerprint: Hex64
    parameter_hash: Hex64
    scenario_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    run_id: Hex32
    seed: Annotated[int, Field(ge=0, le=INT64_MAX)] | None = None
    platform_run_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    scenario_run_id: Hex32 | None = None
    schema_version: Any = None
    emitted_at_utc: Any = None
    producer: Any = None
    trace_id: Any = None
    span_id: Any = None
    parent_event_id: Any = None
    payload: dict[str, Any]


class DecisionRecord(OpenContract):
    """A decision as the decision log holds it: what OFP had applied, used and answered."""

    decision_id: _Id
    request_id: str | None = None
    context_pins: ContextPins
    feature_keys: Annotated[tuple[FeatureKey, ...], Field(min_length=1, strict=False)]
    feature_groups: Annotated[tuple[FeatureGroupRef, ...], Field(min_length=1, strict=False)]
    as_of_spec: AsOfSpec
    basis: Annotated[tuple[BasisEntry, ...], Field(min_length=1, strict=False)]
    hash_rule: str | None = None
    online_snapshot_hash: Hex64 | None = None
    online_features: dict[str, Any] | None = None
    online_snapshot_ref: str | None = None
    decided_at_utc: Timestamp | None = None
    extensions: dict[str, Any] | None = None
