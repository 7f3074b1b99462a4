"""Card payments: feature definitions and a seeded log of card events with all that goes wrong in a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REGISTRY: Final = Path(__file__).parent / "registry"
"""The folder of the feature definitions, with their lock."""

__all__ = ["REGISTRY"]
