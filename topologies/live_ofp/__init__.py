"""The live feature plane of demo and tests: running IRs a key, event at a time, written apart from the replay."""

from topologies.live_ofp.admission import Event, Scope, admit, scope_of
from topologies.live_ofp.plane import Contribution, LiveOfp, Question
from topologies.live_ofp.play import LogRecord, interleaved, play
from topologies.live_ofp.snapshot import OnlineSnapshot, Pins, decision_record

__all__ = [
    "Contribution",
    "Event",
    "LiveOfp",
    "LogRecord",
    "OnlineSnapshot",
    "Pins",
    "Question",
    "Scope",
    "admit",
    "decision_record",
    "interleaved",
    "play",
    "scope_of",
]
