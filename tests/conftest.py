"""What every test runs under: the Hypothesis profile that OFS_HYPOTHESIS names (fast, ci or deep)."""

from __future__ import annotations

import os
import signal

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
