"""Feature definitions: read from YAML, validated, canonical, digested, locked in a registry."""

from ofs.features.build import read_definition
from ofs.features.definition import (
    BoolOperand,
    Condition,
    DropLate,
    Feature,
    FeatureGroup,
    IncludeLate,
    Key,
    NumberOperand,
    Operand,
    StringOperand,
    ValueType,
)
from ofs.features.digest import canonical_definition, definition_bytes, definition_digest
from ofs.features.operators import OPERATORS, Operator, ValueKind
from ofs.features.windows import (
    HoppingWindow,
    LifetimeWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    Window,
)

__all__ = [
    "OPERATORS",
    "BoolOperand",
    "Condition",
    "DropLate",
    "Feature",
    "FeatureGroup",
    "HoppingWindow",
    "IncludeLate",
    "Key",
    "LifetimeWindow",
    "NumberOperand",
    "Operand",
    "Operator",
    "SessionWindow",
    "SlidingWindow",
    "StringOperand",
    "TumblingWindow",
    "ValueKind",
    "ValueType",
    "Window",
    "canonical_definition",
    "definition_bytes",
    "definition_digest",
    "read_definition",
]
