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
from ofs.features.examine import FileStatus
from ofs.features.inspection import CheckReport, FileReport, Shown, check_registry, show
from ofs.features.lock_file import Published
from ofs.features.operators import OPERATORS, Operator, ValueKind
from ofs.features.registry import Locked, Registry, lock
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
    "CheckReport",
    "Condition",
    "DropLate",
    "Feature",
    "FeatureGroup",
    "FileReport",
    "FileStatus",
    "HoppingWindow",
    "IncludeLate",
    "Key",
    "LifetimeWindow",
    "Locked",
    "NumberOperand",
    "Operand",
    "Operator",
    "Published",
    "Registry",
    "SessionWindow",
    "Shown",
    "SlidingWindow",
    "StringOperand",
    "TumblingWindow",
    "ValueKind",
    "ValueType",
    "Window",
    "canonical_definition",
    "check_registry",
    "definition_bytes",
    "definition_digest",
    "lock",
    "read_definition",
    "show",
]
