"""The executable specification: what a snapshot is, in plain Python, one event at a time.

Read in this order: admission, values, conditions, history, windows, operators, snapshot. It shares no code with the
native core; property tests hold the two together byte for byte.
"""

from ofs.semantics.admission import Event, Rejection, admit
from ofs.semantics.history import Contribution, PartitionHistory
from ofs.semantics.snapshot import Group, Question, identity, watermark_us

__all__ = [
    "Contribution",
    "Event",
    "Group",
    "PartitionHistory",
    "Question",
    "Rejection",
    "admit",
    "identity",
    "watermark_us",
]
