"""Bounded replay: a batch of decisions, answered from the log and compared; or a row for every event of it."""

from topologies.bounded_replay.rows import BoundedRows, choose_row_engine
from topologies.bounded_replay.topology import BoundedReplay, choose_engine

__all__ = ["BoundedReplay", "BoundedRows", "choose_engine", "choose_row_engine"]
