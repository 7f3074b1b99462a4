"""The validated model of one feature group version. What it holds is what its digest covers, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from ofs.features.operators import RATIO_OPERANDS, Operator, Problem, ValueKind, member_problem
from ofs.features.windows import Duration, Model, Window

__all__ = [
    "EVENT_TYPE_LENGTH_MAX",
    "K_MAX",
    "NAME_LENGTH_MAX",
    "NAME_PATTERN",
    "PATH_PATTERN",
    "SCALE_MAX",
    "VERSION_PATTERN",
    "BoolOperand",
    "Comparison",
    "Condition",
    "DropLate",
    "Feature",
    "FeatureGroup",
    "IncludeLate",
    "Key",
    "NumberOperand",
    "Operand",
    "StringOperand",
    "ValueType",
    "features_problem",
]

NAME_LENGTH_MAX: Final = 128
EVENT_TYPE_LENGTH_MAX: Final = 256
SCALE_MAX: Final = 18
K_MAX: Final = 1_000
NAME_PATTERN: Final = r"^[a-z][a-z0-9_]*$"
VERSION_PATTERN: Final = r"^v[1-9][0-9]*$"
PATH_PATTERN: Final = r"^payload(\.[A-Za-z_][A-Za-z0-9_]*)+$"
NUMBER_PATTERN: Final = r"^(0|-?(0\.[0-9]*[1-9]|[1-9][0-9]*(\.[0-9]*[1-9])?))$"

Comparison = Literal["eq", "ne", "in", "gt", "gte", "lt", "lte"]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=NAME_LENGTH_MAX)]
Version = Annotated[str, Field(pattern=VERSION_PATTERN, max_length=NAME_LENGTH_MAX)]
Path = Annotated[str, Field(pattern=PATH_PATTERN)]
Scale = Annotated[int, Field(ge=0, le=SCALE_MAX)]
EventType = Annotated[str, Field(min_length=1, max_length=EVENT_TYPE_LENGTH_MAX)]


class ValueType(Model):
    """The type of a value field; `scale`, the digits after the point, for decimal and for nothing else."""

    kind: ValueKind
    scale: Scale | None = None

    @model_validator(mode="after")
    def _scale_belongs_to_decimal(self) -> ValueType:
        if (self.scale is not None) != (self.kind is ValueKind.DECIMAL):
            raise ValueError("a scale stands with decimal, and with nothing else")
        return self

    def __str__(self) -> str:
        return self.kind if self.scale is None else f"{self.kind}({self.scale})"


class Key(Model):
    """Whose features these are: the key's type, and the field that holds its id."""

    type: Name
    field: Path


class NumberOperand(Model):
    """A number in its shortest plain digits: no exponent, no trailing zeros, no negative zero."""

    kind: Literal["number"] = "number"
    digits: Annotated[str, Field(pattern=NUMBER_PATTERN, max_length=100)]


class StringOperand(Model):
    """A string as it stands."""

    kind: Literal["string"] = "string"
    text: str


class BoolOperand(Model):
    """A truth value."""

    kind: Literal["bool"] = "bool"
    truth: bool


Operand = Annotated[NumberOperand | StringOperand | BoolOperand, Field(discriminator="kind")]


class Condition(Model):
    """One line of `where`: field, comparison, and one operand (at least one for `in`)."""

    field: Path
    op: Comparison
    operands: Annotated[tuple[Operand, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _operands_fit(self) -> Condition:
        if self.op != "in" and len(self.operands) != 1:
            raise ValueError(f"{self.op} has one operand")
        if len(set(self.operands)) != len(self.operands):
            raise ValueError("an operand stands twice")
        if self.op in ("gt", "gte", "lt", "lte") and not isinstance(self.operands[0], NumberOperand):
            raise ValueError(f"{self.op} compares with a number")
        return self


class IncludeLate(Model):
    """An event counts by its event time, whenever it came."""

    policy: Literal["include"] = "include"


class DropLate(Model):
    """An event further than this behind the largest event time before it in its partition never counts."""

    policy: Literal["drop"] = "drop"
    allowed_lateness_us: Duration


class Feature(Model):
    """One feature. Which of the optional members are there is what its operator asks for, exactly."""

    name: Name
    op: Operator
    field: Path | None = None
    type: ValueType | None = None
    window: Window | None = None
    scale: Scale | None = None
    k: Annotated[int, Field(ge=1, le=K_MAX)] | None = None
    of: tuple[Name, Name] | None = None

    @model_validator(mode="after")
    def _members_fit_operator(self) -> Feature:
        members = ("field", "type", "window", "scale", "k", "of")
        present = {member for member in members if getattr(self, member) is not None}
        problem = member_problem(self.op, present, None if self.type is None else self.type.kind)
        if problem is not None:
            raise ValueError(str(problem))
        return self


class FeatureGroup(Model):
    """One version of a feature group.

    Order: `features` by name, `event_types` and `where` as the file gives them.
    """

    name: Name
    version: Version
    key: Key
    event_types: Annotated[tuple[EventType, ...], Field(min_length=1)]
    where: tuple[Condition, ...] = ()
    late: Annotated[IncludeLate | DropLate, Field(discriminator="policy")] = IncludeLate()
    stale_after_us: Duration | None = None
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _members_fit_each_other(self) -> FeatureGroup:
        if len(set(self.event_types)) != len(self.event_types):
            raise ValueError("an event type stands twice")
        if [feature.name for feature in self.features] != sorted(feature.name for feature in self.features):
            raise ValueError("features are not sorted by name")
        found = features_problem(self.features)
        if found is not None:
            raise ValueError(f"features[{found[0]}].{found[1]}")
        return self

    @property
    def value_types(self) -> dict[str, ValueType]:
        """Path of every typed field to its type, sorted by path."""
        typed = {f.field: f.type for f in self.features if f.field is not None and f.type is not None}
        return dict(sorted(typed.items()))

    def feature(self, name: str) -> Feature:
        """The feature of this name; raises KeyError without one."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def reach_us(self) -> int | None:
        """How far before as-of its windows can start, microseconds; None where one has no bound."""
        reach_us = 0
        for feature in self.features:
            if feature.window is None:
                continue
            window_reach_us = feature.window.reach_us
            if window_reach_us is None:
                return None
            reach_us = max(reach_us, window_reach_us)
        return reach_us

    @property
    def is_bounded(self) -> bool:
        """Whether every window is finite, so that a replay can start within reach of as-of."""
        return self.reach_us() is not None


def features_problem(features: Sequence[Feature]) -> tuple[int, Problem] | None:
    """The first rule between features that is broken, with the index of the feature it is seen at.

    Names are unique, a field has one type, and a ratio divides features that have a number.
    """
    by_name: dict[str, Feature] = {}
    types: dict[str, ValueType] = {}
    for index, feature in enumerate(features):
        if feature.name in by_name:
            return index, Problem("name", f"{feature.name!r} for a second time", "each name once in a group")
        by_name[feature.name] = feature
        if feature.field is None or feature.type is None:
            continue
        known = types.setdefault(feature.field, feature.type)
        if known != feature.type:
            return index, Problem(
                "type", f"{feature.type} for {feature.field}", f"{known}, the field's type in this group"
            )
    return _ratio_problem(features, by_name)


def _ratio_problem(features: Sequence[Feature], by_name: Mapping[str, Feature]) -> tuple[int, Problem] | None:
    allowed = f"a feature of this group with {', '.join(RATIO_OPERANDS)} (min and max of int or decimal)"
    for index, feature in enumerate(features):
        for position, name in enumerate(feature.of or ()):
            operand = by_name.get(name)
            if operand is None:
                return index, Problem(f"of[{position}]", repr(name), allowed)
            kinds = RATIO_OPERANDS.get(operand.op)
            if kinds is None or (operand.type is not None and operand.type.kind not in kinds):
                kind = "" if operand.type is None else f" of {operand.type}"
                return index, Problem(f"of[{position}]", f"{name!r}, {operand.op}{kind}", allowed)
    return None
