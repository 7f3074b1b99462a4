"""Bounded replay: a batch of decisions, answered from the log and compared; or a row for every event of it."""

from typing import TYPE_CHECKING

from ofs.lazy import lazy_names

if TYPE_CHECKING:
    from topologies.bounded_replay.rows import BoundedRows, choose_row_engine
    from topologies.bounded_replay.topology import BoundedReplay, choose_engine

__all__ = ["BoundedReplay", "BoundedRows", "choose_engine", "choose_row_engine"]

__getattr__ = lazy_names(
    __name__,
    {
        "BoundedReplay": "topology",
        "BoundedRows": "rows",
        "choose_engine": "topology",
        "choose_row_engine": "rows",
    },
)
