"""The native core for tests: skipped where it was not built, and a failure where it is required."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ofs.native import core


def required_core() -> Any:
    """The module `ofs._core`; skips without it, but fails under OFS_REQUIRE_CORE=1."""
    if core is not None:
        return core
    if os.environ.get("OFS_REQUIRE_CORE") == "1":
        pytest.fail("the native core was not built, and OFS_REQUIRE_CORE=1 asks for it")
    pytest.skip("the native core was not built")
