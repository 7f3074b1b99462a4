"""Scalars of a definition file: names, paths, durations, integers, each read from its text."""

from __future__ import annotations

import re
from typing import Final

from ofs.features.definition import NAME_LENGTH_MAX, NAME_PATTERN, PATH_PATTERN, VERSION_PATTERN
from ofs.features.nodes import Place
from ofs.units import parse_duration_us

__all__ = ["read_duration_us", "read_integer", "read_name", "read_path", "read_version"]

_NAME: Final = re.compile(NAME_PATTERN.strip("^$"), re.ASCII)
_VERSION: Final = re.compile(VERSION_PATTERN.strip("^$"), re.ASCII)
_PATH: Final = re.compile(PATH_PATTERN.strip("^$"), re.ASCII)
_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_DURATION: Final = "a duration: a whole number and one of us, ms, s, m, h, d, w, as in 24h, up to 2^53-1 us"


def read_name(place: Place) -> str:
    """A name of a group, feature or key type. Raises DefinitionError."""
    allowed = f"a name: [a-z][a-z0-9_]*, up to {NAME_LENGTH_MAX} characters"
    return _matching(place, _NAME, allowed, NAME_LENGTH_MAX)


def read_version(place: Place) -> str:
    """A version. Raises DefinitionError."""
    return _matching(place, _VERSION, "a version: v1, v2, …", NAME_LENGTH_MAX)


def read_path(place: Place) -> str:
    """A path into the payload. Raises DefinitionError."""
    allowed = "a path: payload.NAME, more .NAME may follow, NAME [A-Za-z_][A-Za-z0-9_]*"
    return _matching(place, _PATH, allowed, None)


def read_duration_us(place: Place, allowed: str = _DURATION) -> int:
    """Microseconds of a duration, 1 to 2^53-1. Raises DefinitionError."""
    text = place.text(allowed)
    try:
        return parse_duration_us(text)
    except ValueError as error:
        raise place.error(found=place.found(), allowed=allowed) from error


def read_integer(place: Place, *, lowest: int, highest: int) -> int:
    """A whole number from lowest to highest, in its shortest digits. Raises DefinitionError."""
    allowed = f"a whole number from {lowest} to {highest}"
    text = _matching(place, _INTEGER, allowed, None)
    if not lowest <= int(text) <= highest:
        raise place.error(found=place.found(), allowed=allowed)
    return int(text)


def _matching(place: Place, pattern: re.Pattern[str], allowed: str, length_max: int | None) -> str:
    text = place.text(allowed)
    if pattern.fullmatch(text) is None or (length_max is not None and len(text) > length_max):
        raise place.error(found=place.found(), allowed=allowed)
    return text
