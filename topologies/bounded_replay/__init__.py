"""Bounded replay: a batch of decisions, answered from the log and compared."""

from topologies.bounded_replay.topology import BoundedReplay, choose_engine

__all__ = ["BoundedReplay", "choose_engine"]
