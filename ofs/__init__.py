"""Offline Feature Shadow: recompute what an online feature plane knew at a decision, by replay, byte for byte.

`replay`, `snapshot`, `rows` and `selfcheck` are the whole of the Python API; they are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofs.version import VERSION

if TYPE_CHECKING:
    from ofs.api import replay, rows, selfcheck, snapshot

__version__ = VERSION

__all__ = ["__version__", "replay", "rows", "selfcheck", "snapshot"]


def __getattr__(name: str) -> Any:
    if name in ("replay", "rows", "selfcheck", "snapshot"):
        from ofs.runtime.garbage import rare_collections

        with rare_collections():  # what is loaded stays
            from ofs import api

        return getattr(api, name)
    raise AttributeError(f"module 'ofs' has no attribute {name!r}")
