"""The canonical form of a definition and its digest.

Format: SHA-256 of the RFC 8785 JSON of `canonical_definition`, since v1. It stands in lock files, snapshots and
decisions for good: a change is a new format, with vectors of its own (contracts/vectors/definitions.json).
"""

from __future__ import annotations

from ofs.canonical import jcs, sha256_hex
from ofs.features.definition import (
    BoolOperand,
    Condition,
    DropLate,
    Feature,
    FeatureGroup,
    NumberOperand,
    StringOperand,
    ValueType,
)
from ofs.features.windows import (
    HoppingWindow,
    LifetimeWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
)

__all__ = ["canonical_definition", "definition_bytes", "definition_digest"]

Json = dict[str, object]


def canonical_definition(group: FeatureGroup) -> Json:
    """What the digest covers: defaults filled in, durations in microseconds, features sorted by name."""
    canonical: Json = {
        "feature_group": group.name,
        "version": group.version,
        "key": {"type": group.key.type, "field": group.key.field},
        "event_types": list(group.event_types),
        "where": [_condition(condition) for condition in group.where],
        "late": _late(group),
        "features": [_feature(feature) for feature in group.features],
    }
    if group.stale_after_us is not None:
        canonical["stale_after_us"] = group.stale_after_us
    return canonical


def definition_bytes(group: FeatureGroup) -> bytes:
    """The RFC 8785 bytes of the canonical definition: what is hashed, and what the native core compiles."""
    return jcs(canonical_definition(group))


def definition_digest(group: FeatureGroup) -> str:
    """Lower-case hex SHA-256 of `definition_bytes`."""
    return sha256_hex(definition_bytes(group))


def _late(group: FeatureGroup) -> Json:
    if isinstance(group.late, DropLate):
        return {"policy": "drop", "allowed_lateness_us": group.late.allowed_lateness_us}
    return {"policy": "include"}


def _condition(condition: Condition) -> Json:
    operands = [_operand(operand) for operand in condition.operands]
    operand = operands if condition.op == "in" else operands[0]
    return {"field": condition.field, "op": condition.op, "operand": operand}


def _operand(operand: NumberOperand | StringOperand | BoolOperand) -> Json:
    match operand:
        case NumberOperand():
            return {"number": operand.digits}
        case StringOperand():
            return {"string": operand.text}
        case BoolOperand():
            return {"bool": operand.truth}


def _feature(feature: Feature) -> Json:
    canonical: Json = {"name": feature.name, "op": feature.op.value}
    if feature.field is not None:
        canonical["field"] = feature.field
    if feature.type is not None:
        canonical["type"] = _value_type(feature.type)
    if feature.window is not None:
        canonical["window"] = _window(feature.window)
    if feature.scale is not None:
        canonical["scale"] = feature.scale
    if feature.k is not None:
        canonical["k"] = feature.k
    if feature.of is not None:
        canonical["of"] = list(feature.of)
    return canonical


def _value_type(value_type: ValueType) -> Json:
    if value_type.scale is None:
        return {"kind": value_type.kind.value}
    return {"kind": value_type.kind.value, "scale": value_type.scale}


def _window(
    window: SlidingWindow | TumblingWindow | HoppingWindow | SessionWindow | LifetimeWindow,
) -> Json:
    match window:
        case SlidingWindow():
            return {"kind": window.kind, "size_us": window.size_us}
        case TumblingWindow():
            return {"kind": window.kind, "size_us": window.size_us, "back": window.back}
        case HoppingWindow():
            return {"kind": window.kind, "size_us": window.size_us, "every_us": window.every_us}
        case SessionWindow():
            canonical: Json = {"kind": window.kind, "gap_us": window.gap_us}
            if window.max_us is not None:
                canonical["max_us"] = window.max_us
            return canonical
        case LifetimeWindow():
            return {"kind": window.kind}
