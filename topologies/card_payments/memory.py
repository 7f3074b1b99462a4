"""The generated log as an EventLog in memory."""

from __future__ import annotations

from collections.abc import Iterable

from ofs.sources.memory import MemoryLog, Record
from topologies.card_payments.generator import STREAM, LogRecord

__all__ = ["memory_log"]


def memory_log(records: Iterable[LogRecord], partitions: int = 4, stream: str = STREAM) -> MemoryLog:
    """A log with the records at their offsets, and broker timestamps; partitions without records are empty."""
    log = MemoryLog()
    log.create(stream, partitions, log_append=True)
    for record in records:
        appended = Record(
            value=record.value, key=record.key, log_ts_us=record.log_ts_us, offset=record.offset
        )
        log.append(stream, record.partition, appended)
    return log
