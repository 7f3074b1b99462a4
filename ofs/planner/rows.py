"""The plan of a run of rows: what of each partition is read, and from when on features are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ofs.canonical import sha256_hex
from ofs.contracts import (
    AsOfBasis,
    BasisRange,
    DefinitionIdentity,
    Reason,
    ReplayBasis,
    RowsRequest,
    StreamIdentity,
    TimeMapping,
)
from ofs.contracts.identity import CanonicalPins
from ofs.errors import NotCheckableError, UsageError
from ofs.features import Locked
from ofs.planner.demand import reach_of
from ofs.planner.plan import PartitionPlan
from ofs.ports import PartitionInfo, StreamInfo
from ofs.units import INT64_MAX, OffsetRange, missing_ranges


@dataclass(frozen=True, slots=True)
class RowsPlan:
    """`locked`: in name order. `known_after_us`: features are established as of later times; None: of all times."""

    stream: StreamInfo
    locked: tuple[Locked, ...]
    partitions: tuple[PartitionPlan, ...]
    known_after_us: int | None


def plan_rows(info: StreamInfo, locked: Sequence[Locked], *, max_skew_us: int) -> RowsPlan:
    """Plan to read all that the log shows of the stream.

    Raises UsageError where no group, or two versions of one, are asked for, a basis leaves out a partition, or the
    offsets of all partitions are more than 2^63-1; NotCheckableError with the reason where no row could be established.
    """
    groups = tuple(sorted(locked, key=lambda entry: entry.name))
    names = [entry.name for entry in groups]
    if not groups or len(set(names)) != len(names):
        raise UsageError("rows are made of at least one feature group, each in one version")
    for part in info.partitions:
        _check_whole(info, part)
    if sum(part.end - part.low for part in info.partitions) > INT64_MAX:
        raise UsageError(
            f"{info.stream}: the offsets of its partitions, one behind the other, have more than 63 bits",
            hint="give a basis that leaves out what no record is in",
        )
    return RowsPlan(
        info,
        groups,
        tuple(_partition(info, p) for p in info.partitions),
        _known_after(info, groups, max_skew_us),
    )


def rows_request(
    plan: RowsPlan, *, pins: CanonicalPins, max_skew_us: int, time_mapping: tuple[TimeMapping, ...] | None
) -> RowsRequest:
    """The request behind a plan: its stream by log id, what is read in offsets, definitions by digest."""
    return RowsRequest(
        schema_version="ofs.rows-request/v0",
        stream=StreamIdentity(stream=plan.stream.stream, log_id=plan.stream.log_id),
        basis=ReplayBasis(
            ranges=tuple(
                BasisRange(stream=part.stream, partition=part.partition, start=part.start, end=part.end)
                for part in plan.partitions
            ),
            time_mapping=time_mapping,
        ),
        context_pins=pins,
        definitions=tuple(
            DefinitionIdentity(name=entry.name, version=entry.version, digest=entry.digest)
            for entry in plan.locked
        ),
        max_clock_skew_us=max_skew_us,
    )


def rows_id(request: RowsRequest) -> str:
    """SHA-256 of the request's canonical bytes, hex."""
    return sha256_hex(request.to_bytes())


def _partition(info: StreamInfo, part: PartitionInfo) -> PartitionPlan:
    return PartitionPlan(
        stream=info.stream,
        partition=part.partition,
        log_id=info.log_id,
        topic_id=info.topic_id,
        info=part,
        start=part.low,
        start_from="bound" if part.low > 0 else "origin",
        end=part.end,
        resume_from=part.low,
    )


def _check_whole(info: StreamInfo, part: PartitionInfo) -> None:
    """Raise where something between the first and the last readable offset cannot be read."""
    place = f"{info.stream}/{part.partition}"
    gaps = missing_ranges(OffsetRange(part.low, part.end), list(part.ranges))
    if gaps:
        reason = Reason.STREAM_COMPACTED if info.compacted else Reason.ARCHIVE_GAP
        missing = ", ".join(f"[{gap.start}, {gap.end})" for gap in gaps)
        raise NotCheckableError(f"{reason.value}: {place} lacks {missing}", hint="give a basis behind it")
    if part.low == part.end and part.outside_log_ts_us is not None:
        raise UsageError(
            f"{place}: the basis leaves the partition out, which has records",
            hint="a row needs what all partitions held before its event: name each of them",
        )


def _known_after(info: StreamInfo, groups: Sequence[Locked], max_skew_us: int) -> int | None:
    """As of later times no window reaches what lies before the first readable records."""
    truncated = [part for part in info.partitions if part.low > 0]
    if not truncated:
        return None
    reach = reach_of(groups, AsOfBasis.EVENT_TIME)
    firsts = [part.first_log_ts_us for part in truncated]
    known = [time_us for time_us in firsts if time_us is not None]
    if reach.reach_us is None or reach.has_drop or len(known) < len(firsts):
        is_lateness = reach.reach_us is not None and reach.has_drop and len(known) == len(firsts)
        reason = Reason.LATENESS_UNPROVEN if is_lateness else Reason.HISTORY_TRUNCATED
        missing = ", ".join(f"{part.partition}: [0, {part.low})" for part in truncated)
        raise NotCheckableError(
            f"{reason.value}: {info.stream} lacks {missing}, which features may rest on",
            hint="an archive that holds it can stand in, or take groups with finite windows only",
        )
    return max(known) + reach.reach_us + max_skew_us
