"""Every error that OFS raises, and the exit code each of them ends a command with.

    OfsError
    ├── UsageError                 2   the command line or the request cannot be meant
    │   ├── DefinitionError        2   a feature definition, with file, line and field
    │   ├── RegistryError          2   the registry folder or its lock.json
    │   └── RequestConflictError   2   the output already belongs to another request
    ├── NotCheckableError          3   what was asked for cannot be established
    ├── SourceError                4   a log or decision source cannot be reached or read
    │   ├── TopicMissingError      4
    │   └── ArchiveError           4   a damaged or incomplete archive
    ├── SinkError                  4   an output cannot be written
    ├── StateError                 4   a state folder cannot be opened or is damaged
    └── InvariantViolation         5   a defect of OFS itself

A message is one line: what, where, expected and found. `hint` says what to do about it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = [
    "ArchiveError",
    "DefinitionError",
    "ExitCode",
    "InvariantViolation",
    "NotCheckableError",
    "OfsError",
    "RegistryError",
    "RequestConflictError",
    "SinkError",
    "SourceError",
    "StateError",
    "TopicMissingError",
    "UsageError",
    "invariant",
]


class ExitCode(IntEnum):
    """Exit status of every command."""

    ALL_MATCH = 0
    MISMATCH = 1
    USAGE = 2
    INCOMPLETE = 3
    UNREACHABLE = 4
    INTERNAL = 5


class OfsError(Exception):
    """Cause: see the subclass. Effect on data: none, outputs are left as they were. Operator action: the hint."""

    exit_code: ExitCode = ExitCode.INTERNAL
    code: str = "INTERNAL"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message: Final = message
        self.hint: Final = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class UsageError(OfsError):
    """Cause: an option or a request that cannot be meant. Operator action: correct it and run again."""

    exit_code = ExitCode.USAGE
    code = "USAGE"


class DefinitionError(UsageError):
    """Cause: a feature definition is wrong at `file:line`, member `field`. Operator action: correct the file."""

    code = "DEFINITION_INVALID"

    def __init__(
        self, *, file: str, line: int | None, field: str, found: str, allowed: str, hint: str | None = None
    ) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {field}: found {found}; allowed: {allowed}", hint=hint)
        self.file: Final = file
        self.line: Final = line
        self.field: Final = field
        self.found: Final = found
        self.allowed: Final = allowed


class RegistryError(UsageError):
    """Cause: the registry folder and its lock.json disagree. Operator action: publish a new version instead."""

    code = "REGISTRY_INVALID"


class RequestConflictError(UsageError):
    """Cause: the output folder holds the outputs of another request. Operator action: choose another folder."""

    code = "REQUEST_CONFLICT"


class NotCheckableError(OfsError):
    """Cause: a snapshot that was asked for cannot be established. Operator action: see the reason in the message."""

    exit_code = ExitCode.INCOMPLETE
    code = "NOT_CHECKABLE"


class SourceError(OfsError):
    """Cause: a log or decision source cannot be reached or read. Operator action: check address and access."""

    exit_code = ExitCode.UNREACHABLE
    code = "SOURCE_UNREACHABLE"


class TopicMissingError(SourceError):
    """Cause: a topic does not exist. Operator action: create it, or correct its name."""

    code = "TOPIC_MISSING"


class ArchiveError(SourceError):
    """Cause: an archive is damaged, incomplete or contradicts the broker. Operator action: verify, export anew."""

    code = "ARCHIVE_INVALID"


class SinkError(OfsError):
    """Cause: an output cannot be written. Effect: nothing is half-written. Operator action: check it, run again."""

    exit_code = ExitCode.UNREACHABLE
    code = "SINK_UNREACHABLE"


class StateError(OfsError):
    """Cause: a state folder cannot be opened, is damaged or of another format. Operator action: remove it."""

    exit_code = ExitCode.UNREACHABLE
    code = "STATE_INVALID"


class InvariantViolation(OfsError):  # noqa: N818 (the field's word)
    """Cause: a defect of OFS. Operator action: report it with the message."""


def invariant(condition: bool, message: str) -> None:
    """Raise InvariantViolation unless the condition holds; kept under `python -O`, unlike assert."""
    if not condition:
        raise InvariantViolation(f"defect in OFS: {message}")
