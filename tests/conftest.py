"""What every test runs under: the Hypothesis profile that OFS_HYPOTHESIS names (fast, ci or deep)."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from ofs.native import core

# without a native core there is nothing to hold to the semantics; the rest runs on the reference engine
collect_ignore_glob = [] if core is not None else ["unit/core/*", "unit/engine_core/*"]

# a shell ignores Ctrl-C for what it starts in the background, and the commands under test would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

# deadlines measure the machine, not the code; two shared cores make them flaky
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "fast", max_examples=25, deadline=None, print_blob=True, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile(
    "ci",
    max_examples=60,
    deadline=None,
    derandomize=True,  # the same examples at every run: CI fails for a change, never by chance
    print_blob=True,
    database=None,
    suppress_health_check=_SLOW_IS_FINE,
)
settings.register_profile(
    "deep",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    phases=tuple(Phase),
    suppress_health_check=_SLOW_IS_FINE,
)
settings.load_profile(os.environ.get("OFS_HYPOTHESIS", "ci" if os.environ.get("CI") else "fast"))


def pytest_report_header() -> str:
    """Which engine the tests run on."""
    return "engine: " + ("native core" if core is not None else "reference only, no native core was built")


# a file of these makes a broker or a scenario for all its tests; every other test goes to whichever worker is free
WHOLE_FILES = ("tests/integration/", "tests/fault/")


def _work_unit(nodeid: str) -> str:
    return nodeid.partition("::")[0] if nodeid.startswith(WHOLE_FILES) else nodeid


# pytest-xdist's own `--dist loadgroup` groups nothing under pytest 9.2, where a node id is no longer what it sets
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """How tests are handed to the workers of pytest-xdist, unless --dist asks for another way.

    Whole files come first, those with the most tests before others: they take longest and must not be the tail.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _work_unit
    return scheduler
