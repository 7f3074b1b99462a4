"""Addresses become adapters: `archive:DIR`, `kafka://HOST:PORT[/TOPIC]`, files.

What one kind of address needs is imported where one is given: Kafka's client alone would be a tenth of the start of all
other jobs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ofs.errors import UsageError
from ofs.ports import DecisionSource, EventLog, OutputSink, RowSink
from ofs.sinks.folder import FolderSink
from ofs.sources.decisions import FileDecisionSource
from ofs.units import OffsetRange

_ARCHIVE: Final = "archive:"
_KAFKA: Final = "kafka://"
_RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """`kafka://HOST:PORT[/TOPIC][?PARTITION=START-END&…]`; ranges are half-open."""

    bootstrap: str
    topic: str | None
    ranges: dict[int, OffsetRange]


def parse_kafka(text: str) -> KafkaAddress:
    """Raises UsageError where the text is no such address."""
    parts = urlsplit(text)
    if parts.scheme != "kafka" or not re.fullmatch(r"[^\s@]+:[0-9]{1,5}", parts.netloc):
        raise UsageError(f"{text}: not an address of a broker", hint="write kafka://HOST:PORT")
    ranges: dict[int, OffsetRange] = {}
    for partition, span in parse_qsl(parts.query, keep_blank_values=True):
        match = _RANGE.fullmatch(span)
        if not re.fullmatch(r"[0-9]+", partition, re.ASCII) or match is None or int(match[1]) > int(match[2]):
            raise UsageError(
                f"{text}: {partition}={span} is no range of offsets",
                hint="write PARTITION=START-END, as in ?0=10-200",
            )
        ranges[int(partition)] = OffsetRange(int(match[1]), int(match[2]))
    return KafkaAddress(parts.netloc, parts.path.strip("/") or None, ranges)


def open_events(address: str, *, archive: str | None = None, read_rate: int | None = None) -> EventLog:
    """The log at an address; with an archive beside a broker, both as one logical stream.

    `read_rate`: records a second at most. Raises UsageError, SourceError.
    """
    log: EventLog
    if address.startswith(_ARCHIVE):
        if read_rate is not None:
            raise UsageError(
                "a read rate spares a broker", hint="leave it out where events come from an archive"
            )
        if archive is not None:
            raise UsageError(
                "--archive goes with kafka:// events", hint="give the archive as --events archive:DIR alone"
            )
        from ofs.sources.archive import ArchiveLog

        log = ArchiveLog(Path(address.removeprefix(_ARCHIVE)))
    elif address.startswith(_KAFKA):
        from ofs.sources.kafka import KafkaLog

        log = KafkaLog(_without_topic(address), read_rate=read_rate)
        if archive is not None:
            from ofs.sources.archive import ArchiveLog
            from ofs.sources.logical import LogicalLog

            log = LogicalLog(log, ArchiveLog(Path(archive.removeprefix(_ARCHIVE))))
    else:
        raise UsageError(
            f"{address}: not an address of events", hint="write archive:DIR or kafka://HOST:PORT"
        )
    return log


def open_decisions(address: str) -> DecisionSource:
    """Decisions from a file (plain, gzip, `-` for standard input) or `kafka://HOST:PORT/TOPIC[?ranges]`."""
    if not address.startswith(_KAFKA):
        return FileDecisionSource(address)
    kafka = parse_kafka(address)
    if kafka.topic is None:
        raise UsageError(f"{address}: no topic of decisions", hint="write kafka://HOST:PORT/TOPIC")
    from ofs.sources.kafka import KafkaDecisionSource

    return KafkaDecisionSource(kafka.bootstrap, kafka.topic, kafka.ranges or None)


def open_sink(out: str | None, sink: str | None, *, create_topics: bool) -> OutputSink:
    """The outputs' place: a folder or a broker, exactly one of them. Raises UsageError, SinkError."""
    if (out is None) == (sink is None):
        raise UsageError("outputs go to one place", hint="give --out DIR or --sink kafka://HOST:PORT")
    if out is not None:
        return FolderSink(Path(out))
    from ofs.sinks.kafka import KafkaSink

    return KafkaSink(_without_topic(sink or ""), create_topics=create_topics)


def open_row_sink(out: str | None, sink: str | None, *, create_topics: bool) -> RowSink:
    """The rows' place: a folder or a broker, exactly one of them. Raises UsageError, SinkError."""
    if (out is None) == (sink is None):
        raise UsageError("rows go to one place", hint="give --out DIR or --sink kafka://HOST:PORT")
    if out is not None:
        from ofs.sinks.rows_folder import RowsFolderSink

        return RowsFolderSink(Path(out))
    from ofs.sinks.rows_kafka import RowsKafkaSink

    return RowsKafkaSink(_without_topic(sink or ""), create_topics=create_topics)


def _without_topic(address: str) -> str:
    kafka = parse_kafka(address)
    if kafka.topic is not None or kafka.ranges:
        raise UsageError(f"{address}: only a broker is named here", hint="write kafka://HOST:PORT")
    return kafka.bootstrap
