"""Restricting a log to a replay basis; a time range is resolved once, and what it gave is the truth from then on."""

from __future__ import annotations

from ofs.contracts import BasisRange, ReplayBasis, TimeMapping
from ofs.errors import SourceError
from ofs.planner.basis import BasisRequest, OffsetBasis, TimeBasis
from ofs.ports import EventLog, PartitionInfo
from ofs.sources.bounded import BoundedLog
from ofs.units import OffsetRange, format_timestamp_us

Restricted = tuple[EventLog, ReplayBasis | None, tuple[TimeMapping, ...] | None]


def resolve_basis(log: EventLog, request: BasisRequest | None) -> Restricted:
    """The log as a run may see it, its basis for the request's identity, and the time mapping. Raises SourceError."""
    if request is None:
        return log, None, None
    mapping: list[TimeMapping] = []
    ranges = dict(request.ranges) if isinstance(request, OffsetBasis) else _ranges_at(log, request, mapping)
    flat = tuple(
        BasisRange(stream=stream, partition=partition, start=span.start, end=span.end)
        for stream, partitions in sorted(ranges.items())
        for partition, span in sorted(partitions.items())
    )
    times = tuple(mapping) or None
    return BoundedLog(log, ranges), ReplayBasis(ranges=flat, time_mapping=times), times


def _ranges_at(
    log: EventLog, request: TimeBasis, mapping: list[TimeMapping]
) -> dict[str, dict[int, OffsetRange]]:
    ranges: dict[str, dict[int, OffsetRange]] = {}
    for stream in request.streams:
        info = log.describe(stream)
        if info is None:
            raise SourceError(f"stream {stream}: the log does not know it", hint="check the stream's name")
        ranges[stream] = {
            part.partition: OffsetRange(
                *sorted(_offset(log, stream, part, t, mapping) for t in _ends(request))
            )
            for part in info.partitions
        }
    return ranges


def _ends(request: TimeBasis) -> tuple[int, int]:
    return request.start_us, request.end_us


def _offset(log: EventLog, stream: str, part: PartitionInfo, time_us: int, mapping: list[TimeMapping]) -> int:
    """The first offset logged at or after the time; the partition's end where there is none."""
    found = log.offset_at(stream, part.partition, time_us)
    mapping.append(
        TimeMapping(
            stream=stream, partition=part.partition, log_time_utc=format_timestamp_us(time_us), offset=found
        )
    )
    return part.end if found is None else found
