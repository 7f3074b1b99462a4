"""One feature of a definition file: nodes to model, each broken rule with line, field, found and allowed."""

from __future__ import annotations

import re
from typing import Final

from ofs.features.definition import K_MAX, SCALE_MAX, Feature, ValueType
from ofs.features.nodes import MapNode, Place
from ofs.features.operators import OPERATORS, Operator, ValueKind, member_problem
from ofs.features.scalars import read_duration_us, read_integer, read_name, read_path
from ofs.features.windows import (
    BACK_MAX,
    HoppingWindow,
    LifetimeWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    Window,
)
from ofs.units import MAX_DURATION_US

__all__ = ["FEATURE_MEMBERS", "read_feature"]

FEATURE_MEMBERS: Final = ("field", "type", "window", "scale", "k", "of")

_TYPE: Final = re.compile(r"decimal\((0|[1-9][0-9]?)\)", re.ASCII)
_TYPES: Final = f"one of int, decimal(SCALE) with a scale of 0 to {SCALE_MAX}, string, bool, timestamp"
_WINDOWS: Final = (
    "a duration as in 24h, lifetime, {tumbling: DURATION, back: COUNT (optional)}, "
    "{hopping: DURATION, every: DURATION} or {session: DURATION, max: DURATION (optional)}"
)
_WINDOW_MEMBERS: Final = {"tumbling": ("back",), "hopping": ("every",), "session": ("max",)}


def read_feature(place: Place) -> tuple[Feature, dict[str, Place]]:
    """The feature that stands here, and the places of its members. Raises DefinitionError."""
    members = place.known_members(("name", "op"), FEATURE_MEMBERS)
    op = _read_operator(members["op"])
    present = {name for name in members if name in FEATURE_MEMBERS}
    typed = "type" in present and "type" in OPERATORS[op].members
    value_type = _read_type(members["type"]) if typed else None
    problem = member_problem(op, present, None if value_type is None else value_type.kind)
    if problem is not None:
        raise place.problem(problem, members)
    feature = Feature(
        name=read_name(members["name"]),
        op=op,
        field=read_path(members["field"]) if "field" in members else None,
        type=value_type,
        window=_read_window(members["window"]) if "window" in members else None,
        scale=read_integer(members["scale"], lowest=0, highest=SCALE_MAX) if "scale" in members else None,
        k=read_integer(members["k"], lowest=1, highest=K_MAX) if "k" in members else None,
        of=_read_of(members["of"]) if "of" in members else None,
    )
    return feature, members


def _read_operator(place: Place) -> Operator:
    allowed = f"one of {', '.join(Operator)}"
    text = place.text(allowed)
    if text not in list(Operator):
        raise place.error(found=place.found(), allowed=allowed)
    return Operator(text)


def _read_type(place: Place) -> ValueType:
    text = place.text(_TYPES)
    match = _TYPE.fullmatch(text)
    if match is not None and int(match.group(1)) <= SCALE_MAX:
        return ValueType(kind=ValueKind.DECIMAL, scale=int(match.group(1)))
    if text == ValueKind.DECIMAL or text not in list(ValueKind):
        raise place.error(found=place.found(), allowed=_TYPES)
    return ValueType(kind=ValueKind(text))


def _read_of(place: Place) -> tuple[str, str]:
    allowed = "a list of two feature names, numerator and denominator"
    items = place.items(allowed)
    if len(items) != 2:
        raise place.error(found=f"a list of {len(items)}", allowed=allowed)
    return read_name(items[0]), read_name(items[1])


def _read_window(place: Place) -> Window:
    if not isinstance(place.node, MapNode):
        if place.text(_WINDOWS) == "lifetime":
            return LifetimeWindow()
        return SlidingWindow(size_us=read_duration_us(place, allowed=_WINDOWS))
    members = place.members(_WINDOWS)
    kinds = [name for name in members if name in _WINDOW_MEMBERS]
    if len(kinds) != 1:
        found = "an empty mapping" if not members else f"a mapping of {', '.join(members)}"
        raise place.error(found=found, allowed=_WINDOWS)
    kind = kinds[0]
    for name, member in members.items():
        if name != kind and name not in _WINDOW_MEMBERS[kind]:
            raise member.error(found="an unknown member", allowed=", ".join((kind, *_WINDOW_MEMBERS[kind])))
    length_us = read_duration_us(members[kind])
    match kind:
        case "tumbling":
            return _read_tumbling(members, length_us)
        case "hopping":
            if "every" not in members:
                raise place.missing("every", "a required duration as in 5m")
            return HoppingWindow(size_us=length_us, every_us=read_duration_us(members["every"]))
        case _:
            max_us = read_duration_us(members["max"]) if "max" in members else None
            return SessionWindow(gap_us=length_us, max_us=max_us)


def _read_tumbling(members: dict[str, Place], size_us: int) -> TumblingWindow:
    back = read_integer(members["back"], lowest=0, highest=BACK_MAX) if "back" in members else 0
    if size_us * (back + 1) > MAX_DURATION_US:
        raise members["back"].error(
            found=members["back"].found(), allowed="a count with size * (back + 1) of up to 2^53-1 us"
        )
    return TumblingWindow(size_us=size_us, back=back)
