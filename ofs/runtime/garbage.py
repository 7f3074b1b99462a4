"""How often cyclic garbage is looked for while a run is at work, or what it needs is loaded."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NEW_OBJECTS: Final = 1_000_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """A run makes no cycles, but millions of short-lived objects that set off a search for them; so it is put off.

    Effects: the thresholds of the process, until the end.
    """
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
