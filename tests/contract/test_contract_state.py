"""Every StateStore passes the same checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ofs.ports import StateStore
from ofs.state.memory import MemoryStateStore
from ofs.state.rocks import RocksStateStore
from ofs.testing.broken import ContractBroken
from ofs.testing.state_contract import STATE_CHECKS, check_state_store


@pytest.mark.parametrize("kind", ["memory", "rocks"])
@pytest.mark.parametrize("check", STATE_CHECKS, ids=lambda check: check.__name__)
def test_state_store_keeps_its_contract(
    check: Callable[[StateStore], None], kind: str, tmp_path: Path
) -> None:
    """Memory and RocksDB answer alike."""
    store: StateStore = MemoryStateStore() if kind == "memory" else RocksStateStore(tmp_path / "state")
    try:
        check(store)
    finally:
        store.close()


def test_contract_finds_a_store_that_scans_in_order_of_insertion() -> None:
    """The checks can fail: a store without byte order does not pass."""

    class Unordered(MemoryStateStore):
        def scan(self, prefix: bytes):  # type: ignore[no-untyped-def]  # a broken store
            return iter([entry for entry in self._entries.items() if entry[0].startswith(prefix)])

    with pytest.raises(ContractBroken):
        check_state_store(Unordered)
