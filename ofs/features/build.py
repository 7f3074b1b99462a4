"""A definition file: text to FeatureGroup, or the first rule that it breaks."""

from __future__ import annotations

from typing import Final, cast, get_args

from ofs.errors import DefinitionError
from ofs.features.build_feature import read_feature
from ofs.features.definition import (
    EVENT_TYPE_LENGTH_MAX,
    Comparison,
    Condition,
    DropLate,
    Feature,
    FeatureGroup,
    IncludeLate,
    Key,
    NumberOperand,
    features_problem,
)
from ofs.features.nodes import Place
from ofs.features.operands import read_operand
from ofs.features.scalars import read_duration_us, read_name, read_path, read_version
from ofs.features.yaml_reader import read_nodes

__all__ = ["FILE_BYTES_MAX", "read_definition"]

FILE_BYTES_MAX: Final = 1 << 20

_REQUIRED: Final = ("feature_group", "version", "key", "event_types", "features")
_OPTIONAL: Final = ("where", "late", "stale_after")
_COMPARISONS: Final[tuple[str, ...]] = get_args(Comparison)
_ORDER: Final = ("gt", "gte", "lt", "lte")


def read_definition(content: bytes, file: str) -> FeatureGroup:
    """The feature group of one definition file; `file` is the name that errors give.

    Bounds: up to 1 MiB of UTF-8. Raises DefinitionError for the first rule that the file breaks.
    """
    place = Place.document(file, read_nodes(_decode(content, file), file))
    members = place.known_members(_REQUIRED, _OPTIONAL)
    return FeatureGroup(
        name=read_name(members["feature_group"]),
        version=read_version(members["version"]),
        key=_read_key(members["key"]),
        event_types=_read_event_types(members["event_types"]),
        where=_read_where(members["where"]) if "where" in members else (),
        late=_read_late(members["late"]) if "late" in members else IncludeLate(),
        stale_after_us=read_duration_us(members["stale_after"]) if "stale_after" in members else None,
        features=_read_features(members["features"]),
    )


def _decode(content: bytes, file: str) -> str:
    if len(content) > FILE_BYTES_MAX:
        found, allowed = f"{len(content)} bytes", f"up to {FILE_BYTES_MAX} bytes"
        raise DefinitionError(file=file, line=None, field="document", found=found, allowed=allowed)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise DefinitionError(
            file=file, line=line, field="document", found=found, allowed="UTF-8 text"
        ) from error


def _read_key(place: Place) -> Key:
    members = place.known_members(("type", "field"))
    return Key(type=read_name(members["type"]), field=read_path(members["field"]))


def _read_event_types(place: Place) -> tuple[str, ...]:
    allowed = f"a list of event types of 1 to {EVENT_TYPE_LENGTH_MAX} characters"
    event_types: list[str] = []
    for item in place.items(allowed):
        text = item.text(allowed)
        if not 1 <= len(text) <= EVENT_TYPE_LENGTH_MAX:
            raise item.error(found=item.found(), allowed=allowed)
        if text in event_types:
            raise item.error(found=f"{text!r} for a second time", allowed="each event type once")
        event_types.append(text)
    return tuple(event_types)


def _read_where(place: Place) -> tuple[Condition, ...]:
    return tuple(_read_condition(item) for item in place.items("a list of conditions"))


def _read_condition(place: Place) -> Condition:
    members = place.known_members(("field",), _COMPARISONS)
    comparisons = [name for name in members if name != "field"]
    if len(comparisons) != 1:
        found = "no comparison" if not comparisons else f"{' and '.join(comparisons)}"
        raise place.error(found=found, allowed=f"field and exactly one of {', '.join(_COMPARISONS)}")
    op = cast(Comparison, comparisons[0])
    operand_place = members[op]
    path = read_path(members["field"])
    if op != "in":
        operand = read_operand(operand_place)
        if op in _ORDER and not isinstance(operand, NumberOperand):
            allowed = f"a plain JSON number with {op}"
            raise operand_place.error(found=operand_place.found(), allowed=allowed)
        return Condition(field=path, op=op, operands=(operand,))
    operands = []
    for item in operand_place.items("a list of scalars, at least one"):
        operand = read_operand(item)
        if operand in operands:
            raise item.error(found=f"{item.found()} for a second time", allowed="each value once")
        operands.append(operand)
    return Condition(field=path, op=op, operands=tuple(operands))


def _read_late(place: Place) -> IncludeLate | DropLate:
    members = place.known_members(("policy",), ("allowed_lateness",))
    policy = members["policy"].text("one of include, drop")
    lateness = members.get("allowed_lateness")
    if policy not in ("include", "drop"):
        raise members["policy"].error(found=members["policy"].found(), allowed="one of include, drop")
    if policy == "include":
        if lateness is not None:
            raise lateness.error(found="allowed_lateness with include", allowed="only policy with include")
        return IncludeLate()
    if lateness is None:
        raise place.missing("allowed_lateness", "a required duration with drop, as in 5m")
    return DropLate(allowed_lateness_us=read_duration_us(lateness))


def _read_features(place: Place) -> tuple[Feature, ...]:
    items = place.items("a list of features, at least one")
    read = [read_feature(item) for item in items]
    features = [feature for feature, _ in read]
    found = features_problem(features)
    if found is not None:
        index, problem = found
        raise items[index].problem(problem, read[index][1])
    return tuple(sorted(features, key=lambda feature: feature.name))
