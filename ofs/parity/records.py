"""Verdicts as records: a decision, what was rebuilt for it, and the reasons, made into one ParityResult."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ofs.canonical import HASH_RULES, jcs, open_value
from ofs.contracts import (
    AsOfSpec,
    FeatureGroupRef,
    FeatureKey,
    ParityEvidence,
    ParityResult,
    Reason,
    ReasonDetail,
    Result,
)
from ofs.contracts.results import CutEntry
from ofs.parity.compare import mismatch_fields
from ofs.planner.decisions import Decision
from ofs.units import format_timestamp_us

MatchFlag = Literal["true", "false", "unknown"]
_REASON_ORDER = {reason: position for position, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuilt snapshot: its record, and the digests of the definitions that it used."""

    snapshot: Mapping[str, Any]

    @property
    def hash(self) -> str:
        return str(self.snapshot["snapshot_hash"])

    def identity_with(self, features: Any) -> dict[str, Any]:
        """The hashed members, with other features in place of the rebuilt ones."""
        outside = ("snapshot_hash", "provenance")
        return {**{n: m for n, m in self.snapshot.items() if n not in outside}, "features": features}


def parity_result(
    decision: Decision,
    *,
    line: bytes,
    replay_id: str,
    rebuilt: Rebuilt | None,
    reasons: Sequence[ReasonDetail],
    digests: Mapping[tuple[str, str], str],
) -> ParityResult:
    """The verdict. `line` is the decision as it was recorded; `digests` those of the definitions by name and version.

    Without reasons the hashes decide; with any the decision is UNCHECKABLE for the first by precedence.
    """
    ordered = sorted(reasons, key=lambda detail: _REASON_ORDER[detail.reason])
    names = list(dict.fromkeys(detail.reason for detail in ordered))
    offline_hash = None if rebuilt is None else rebuilt.hash
    result = Result.UNCHECKABLE if names else _compared(offline_hash, decision.online_hash)
    online = _online_features(decision, line)
    evidence = ParityEvidence(
        feature_groups=_groups(decision, digests),
        basis=_basis(decision),
        mismatch_fields=_fields(result, online, rebuilt),
        online_features_match_hash=_match_flag(result, decision, online, rebuilt),
        reason_details=tuple(ordered) or None,
        further_reasons=tuple(names[1:]),
    )
    return ParityResult(
        decision_id=decision.decision_id,
        request_id=decision.request_id,
        feature_keys=_keys(decision),
        as_of_spec=_as_of(decision, rebuilt),
        online_snapshot_hash=decision.online_hash,
        offline_snapshot_hash=offline_hash,
        result=result,
        reason=names[0] if names else None,
        replay_id=replay_id,
        evidence=evidence,
    )


def reason_text(detail: ReasonDetail) -> str:
    """A reason as one line for people.

    >>> reason_text(ReasonDetail(reason=Reason.DEFINITION_MISSING, names=("a:v1", "b:v2")))
    'DEFINITION_MISSING: a:v1, b:v2'
    """
    ranges = [f"{r.stream}:{r.partition} [{r.start}, {r.end})" for r in detail.missing or ()]
    parts = [
        detail.detail or "",
        ", ".join(detail.names or ()),
        f"missing {', '.join(ranges)}" if ranges else "",
    ]
    return ": ".join([detail.reason.value, *(part for part in parts if part)])


def _compared(offline_hash: str | None, online_hash: str | None) -> Result:
    return Result.MATCH if offline_hash == online_hash else Result.MISMATCH


def _online_features(decision: Decision, line: bytes) -> Any:
    """The recorded features with their numbers in canonical form; None where there are none."""
    return None if decision.online_features is None else open_value(line)["online_features"]


def _fields(result: Result, online: Any, rebuilt: Rebuilt | None) -> Any:
    if result is not Result.MISMATCH or online is None or rebuilt is None:
        return ()
    return mismatch_fields(online, rebuilt.snapshot["features"])


def _match_flag(result: Result, decision: Decision, online: Any, rebuilt: Rebuilt | None) -> MatchFlag:
    """Whether the recorded features, in place of ours, give the recorded hash."""
    if online is None or rebuilt is None or decision.online_hash is None:
        return "unknown"
    if result is Result.MATCH:
        return "true" if jcs(online) == jcs(rebuilt.snapshot["features"]) else "false"
    rule = HASH_RULES[str(rebuilt.snapshot["hash_rule"])]
    return "true" if rule(jcs(rebuilt.identity_with(online))) == decision.online_hash else "false"


def _groups(decision: Decision, digests: Mapping[tuple[str, str], str]) -> tuple[FeatureGroupRef, ...] | None:
    if decision.groups is None:
        return None
    return tuple(
        FeatureGroupRef(name=name, version=version, digest=digests.get((name, version), recorded))
        for name, version, recorded in decision.groups
    )


def _basis(decision: Decision) -> tuple[CutEntry, ...] | None:
    if decision.cut is None:
        return None
    return tuple(
        CutEntry(stream=stream, partition=partition, next_offset=offset)
        for (stream, partition), offset in sorted(decision.cut.items())
    )


def _keys(decision: Decision) -> tuple[FeatureKey, ...] | None:
    if decision.keys is None:
        return None
    return tuple(FeatureKey(key_type=key_type, key_id=key_id) for key_type, key_id in decision.keys)


def _as_of(decision: Decision, rebuilt: Rebuilt | None) -> AsOfSpec | None:
    if rebuilt is not None:
        return AsOfSpec.model_validate(rebuilt.snapshot["as_of_spec"])
    if decision.as_of_basis is None:
        return None
    time = None if decision.as_of_us is None else format_timestamp_us(decision.as_of_us)
    return AsOfSpec(as_of_time_utc=time, as_of_basis=decision.as_of_basis)
