"""A finished run's certificate against the log: what it covers is read again, and what changed is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ofs.canonical.content import new_content_digest
from ofs.contracts import LISTED_MAX, CutCertificate, PartitionCertificate
from ofs.errors import RequestConflictError, SinkError
from ofs.ports import EventLog, PartitionInfo, RecordBatch, StreamInfo
from ofs.sinks.whole_folder import CERTIFICATE, check_output, read_run
from ofs.units import OffsetRange, missing_ranges, next_offset

_READ_RECORDS: Final = 8_192

Progress = Callable[[int, int], None]
"""(records read, records that the certificate counts)"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the certificate says and the log does not say any more."""

    what: str
    certified: Any
    found: Any


@dataclass(frozen=True, slots=True)
class PartitionFinding:
    """One partition. The certificate holds where `differences` is empty.

    `moved`: what changed beside the records that were read, as a low watermark does under retention.
    """

    certified: PartitionCertificate
    differences: tuple[Difference, ...]
    moved: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of all that a run read."""

    replay_id: str
    partitions: tuple[PartitionFinding, ...]

    @property
    def is_same(self) -> bool:
        """Whether the log still is what the run read."""
        return not any(part.differences for part in self.partitions)


def load_certificate(folder: Path) -> CutCertificate:
    """The certificate of a finished run. Raises SinkError where the folder holds none, or a damaged one."""
    try:
        check_output(folder, CERTIFICATE, read_run(folder))
        return CutCertificate.model_validate_json((folder / CERTIFICATE).read_bytes())
    except (OSError, RequestConflictError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error.args[0])
        raise SinkError(
            f"{folder}: not the outputs of a finished run: {reason}",
            hint="give the folder that `ofs replay --out` wrote",
        ) from error
    except ValidationError as error:
        raise SinkError(
            f"{folder / CERTIFICATE}: not a certificate of this version", hint="run the batch again"
        ) from error


def verify_certificate(
    log: EventLog, certificate: CutCertificate, progress: Progress = lambda _done, _total: None
) -> Finding:
    """Read again what the certificate covers. What is gone or changed is a difference. Raises SourceError."""
    total = sum(part.records for part in certificate.partitions)
    done = 0
    described: dict[str, StreamInfo | None] = {}
    findings = []
    for part in certificate.partitions:
        if part.stream not in described:
            described[part.stream] = log.describe(part.stream)
        info = described[part.stream]
        differences, moved = _identity(part, info)
        if info is not None and part.partition < len(info.partitions):
            gone = _gone(part, info.partitions[part.partition])
            if gone:
                differences.append(Difference("readable", [[part.start, part.end]], gone))
            else:
                reading = _Reading(part)
                for batch in _batches(log, part):
                    reading.add(batch)
                    done += len(batch)
                    progress(done, total)
                differences += reading.differences()
        findings.append(PartitionFinding(part, tuple(differences), tuple(moved)))
    return Finding(certificate.replay_id, tuple(findings))


def _identity(
    part: PartitionCertificate, info: StreamInfo | None
) -> tuple[list[Difference], list[Difference]]:
    """What tells that the stream is another one; and what moved, as it does in a stream that lives."""
    if info is None:
        return [Difference("stream", part.stream, None)], []
    differences = []
    if info.log_id != part.log_id:
        differences.append(Difference("log_id", part.log_id, info.log_id))
    if part.topic_id is not None and info.topic_id not in (part.topic_id, None):
        differences.append(Difference("topic_id", part.topic_id, info.topic_id))
    count = Difference("partition_count", part.partition_count, len(info.partitions))
    if count.found < count.certified:
        return [*differences, count], []
    now = info.partitions[part.partition]
    moved = [count, Difference("low", part.low, now.low)]
    if part.low_watermark is not None and now.broker is not None:
        moved.append(Difference("low_watermark", part.low_watermark, now.broker.start))
    return differences, [item for item in moved if item.found != item.certified]


def _covered(part: PartitionCertificate) -> list[OffsetRange]:
    """`[start, end)` without what the log did not hold then."""
    return missing_ranges(
        OffsetRange(part.start, part.end), [OffsetRange(start, end) for start, end in part.unread]
    )


def _gone(part: PartitionCertificate, info: PartitionInfo) -> list[list[int]]:
    """The ranges that were read and that the log does not offer any more."""
    gone = [gap for span in _covered(part) for gap in missing_ranges(span, list(info.ranges))]
    return [[gap.start, gap.end] for gap in gone]


def _batches(log: EventLog, part: PartitionCertificate) -> Iterator[RecordBatch]:
    for span in _covered(part):
        yield from log.read(part.stream, part.partition, span, _READ_RECORDS)


class _Reading:
    """Digests and counts what is read again of one partition."""

    def __init__(self, part: PartitionCertificate) -> None:
        self._part: Final = part
        self._digest: Final = new_content_digest()
        self._records = 0
        self._position = part.start
        self._holes: list[tuple[int, int]] = []
        self._hole_count = 0

    def add(self, batch: RecordBatch) -> None:
        self._digest.update(
            batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers
        )
        self._records += len(batch)
        for offset in batch.offsets:
            self._pass(offset)
            self._position = next_offset(offset)

    def differences(self) -> list[Difference]:
        """After the last batch."""
        self._pass(self._part.end)
        part = self._part
        holes = {"count": self._hole_count, "ranges": [list(hole) for hole in self._holes]}
        found = [
            Difference("content_digest", part.content_digest, self._digest.root()),
            Difference("records", part.records, self._records),
            Difference("holes", part.holes.to_dict(), holes),
        ]
        return [item for item in found if item.certified != item.found]

    def _pass(self, to: int) -> None:
        """What lies between the position and `to` delivered nothing."""
        if to > self._position:
            self._hole_count += to - self._position
            if len(self._holes) < LISTED_MAX:
                self._holes.append((self._position, to))
