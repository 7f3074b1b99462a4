"""How much memory this process took."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")
_KIB: Final = 1024


def peak_memory_bytes() -> int:
    """The largest resident size of this process so far.

    Linux counts what the process was before it became this program as its resource usage, too: a small job that a
    large one starts would seem as large. Its status does not.
    """
    try:
        status = _STATUS.read_text("ascii", "replace")
    except OSError:
        status = ""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _KIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB
