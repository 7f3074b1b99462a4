"""The one door to the native core: `core` is the module `ofs._core`, or None where it was not built."""

from __future__ import annotations

from types import ModuleType

core: ModuleType | None
try:
    from ofs import _core

    core = _core
except ImportError:
    core = None

__all__ = ["core"]
