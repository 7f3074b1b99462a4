"""What a decision needs of the log, and every reason why it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ofs.canonical import HASH_RULES
from ofs.contracts import AsOfBasis, BasisRange, Reason, ReasonDetail
from ofs.features import Locked, Registry
from ofs.planner.decisions import Cut
from ofs.planner.log_facts import LogFacts
from ofs.ports import PartitionInfo, StreamInfo
from ofs.units import OffsetRange, missing_ranges

INT64_MIN: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far before as-of the groups' windows can look; None: to the beginning."""

    reach_us: int | None
    has_drop: bool

    @property
    def needs_origin(self) -> bool:
        """Whether every offset from the log's beginning must be read."""
        return self.reach_us is None or self.has_drop


@dataclass(frozen=True, slots=True)
class Demand:
    """The members of a decision that the log must satisfy; None where the decision lacks one."""

    groups: Sequence[tuple[str, str, str | None]] | None
    hash_rule: str | None
    as_of_us: int | None
    as_of_basis: str | None
    cut: Cut | None
    topic_ids: Mapping[tuple[str, int], str]
    decided_us: int
    has_hash: bool


def reach_of(locked: Sequence[Locked], as_of_basis: str) -> Reach:
    """The reach of a set of groups; a watermark as-of is derived from all that came before."""
    reaches = [entry.group.reach_us() for entry in locked]
    bounded = [reach for reach in reaches if reach is not None]
    is_bounded = len(bounded) == len(reaches) and as_of_basis != AsOfBasis.WATERMARK
    return Reach(
        reach_us=max(bounded, default=0) if is_bounded else None,
        has_drop=any(entry.group.late.policy == "drop" for entry in locked),
    )


def reasons(demand: Demand, registry: Registry, facts: LogFacts, max_skew_us: int) -> Iterator[ReasonDetail]:
    """Every reason for which the decision cannot be checked, but those of its own form."""
    if demand.hash_rule is not None and demand.hash_rule not in HASH_RULES:
        yield ReasonDetail(reason=Reason.HASH_RULE_UNKNOWN, names=(demand.hash_rule,))
    yield from _definition_reasons(demand, registry)
    if demand.cut is not None:
        yield from _log_reasons(demand, demand.cut, registry, facts, max_skew_us)
    if not demand.has_hash:
        yield ReasonDetail(reason=Reason.ONLINE_HASH_MISSING)


def _definition_reasons(demand: Demand, registry: Registry) -> Iterator[ReasonDetail]:
    found = [(group, registry.get(group[0], group[1])) for group in demand.groups or ()]
    missing = tuple(f"{name}:{version}" for (name, version, _), locked in found if locked is None)
    if missing:
        yield ReasonDetail(reason=Reason.DEFINITION_MISSING, names=missing)
    changed = tuple(
        f"{name}:{version}: recorded {digest}, registry {locked.digest}"
        for (name, version, digest), locked in found
        if locked is not None and digest is not None and digest != locked.digest
    )
    if changed:
        yield ReasonDetail(reason=Reason.DEFINITION_DIGEST_MISMATCH, names=changed)


def _log_reasons(
    demand: Demand, cut: Cut, registry: Registry, facts: LogFacts, max_skew_us: int
) -> Iterator[ReasonDetail]:
    streams = sorted({stream for stream, _ in cut})
    for stream in streams:
        info = facts.streams.get(stream)
        if info is not None:
            yield from _stream_reasons(demand, cut, info)
    known = [registry.get(name, version) for name, version, _ in demand.groups or ()]
    locked = [entry for entry in known if entry is not None]
    reach = reach_of(locked, demand.as_of_basis or "")
    for (stream, partition), next_offset in sorted(cut.items()):
        entry = _Prefix(stream, partition, next_offset)
        partition_info = facts.partition(stream, partition)
        if partition_info is None:
            missing = (entry.range(0, next_offset),)
            yield ReasonDetail(
                reason=Reason.BASIS_BEYOND_LOG_END,
                detail="the log has no such stream or partition",
                missing=missing,
            )
        elif next_offset > 0:
            yield from _prefix_reasons(demand, entry, facts, partition_info, reach, max_skew_us)


def _stream_reasons(demand: Demand, cut: Cut, info: StreamInfo) -> Iterator[ReasonDetail]:
    if demand.as_of_basis == AsOfBasis.INGEST_TIME and not info.log_append:
        detail = (
            f"stream {info.stream}: log timestamps are not the broker's, so they cannot date what was visible"
        )
        yield ReasonDetail(reason=Reason.AS_OF_INVALID, detail=detail)
    named = [partition for stream, partition in cut if stream == info.stream]
    unnamed = [p for p in info.partitions if p.partition >= len(named) and _was_there(p, demand.decided_us)]
    if unnamed:
        names = tuple(f"{info.stream}:{p.partition}" for p in unnamed)
        yield ReasonDetail(
            reason=Reason.BASIS_INCOMPLETE, detail="partitions that had records are not named", names=names
        )
    recorded = {
        demand.topic_ids[place] for place in cut if place[0] == info.stream and place in demand.topic_ids
    }
    others = tuple(sorted(topic_id for topic_id in recorded if info.topic_id not in (None, topic_id)))
    if others:
        detail = f"stream {info.stream}: the topic's id is {info.topic_id} now"
        yield ReasonDetail(reason=Reason.TOPIC_RECREATED, detail=detail, names=others)


def _was_there(info: PartitionInfo, decided_us: int) -> bool:
    """Whether the partition's first record was logged before the decision, or may have been: its head is gone."""
    known = [time for time in (info.outside_log_ts_us, info.first_log_ts_us) if time is not None]
    is_head_gone = info.low > 0 and info.outside_log_ts_us is None and decided_us != INT64_MIN
    return is_head_gone or (bool(known) and min(known) < decided_us)


@dataclass(frozen=True, slots=True)
class _Prefix:
    stream: str
    partition: int
    next_offset: int

    def range(self, start: int, end: int) -> BasisRange:
        return BasisRange(stream=self.stream, partition=self.partition, start=start, end=end)

    def reaches(self, lost: OffsetRange) -> bool:
        """Whether an offset of the range is inside the cut."""
        return lost.start < min(lost.end, self.next_offset)

    def part_of(self, lost: OffsetRange) -> BasisRange:
        """What of the range is inside the cut."""
        return self.range(lost.start, min(lost.end, self.next_offset))


def _prefix_reasons(
    demand: Demand, prefix: _Prefix, facts: LogFacts, info: PartitionInfo, reach: Reach, max_skew_us: int
) -> Iterator[ReasonDetail]:
    """What of the partition's prefix, as far as the decision looks back, cannot be read."""
    stream = facts.streams[prefix.stream]
    is_compacted = stream is not None and stream.compacted
    if prefix.next_offset > info.end:
        missing = (prefix.range(min(info.end, prefix.next_offset), prefix.next_offset),)
        reason = Reason.STREAM_COMPACTED if is_compacted else Reason.BASIS_BEYOND_LOG_END
        yield ReasonDetail(reason=reason, missing=missing)
    horizon_us = _horizon(demand, reach, max_skew_us)
    gaps = [
        gap
        for gap in missing_ranges(OffsetRange(info.low, info.end), list(info.ranges))
        if prefix.reaches(gap)
    ]
    if gaps and (reach.has_drop or not _is_older(prefix, facts, gaps[-1], horizon_us)):
        reason = Reason.STREAM_COMPACTED if is_compacted else Reason.ARCHIVE_GAP
        yield ReasonDetail(reason=reason, missing=tuple(prefix.part_of(gap) for gap in gaps))
    head = OffsetRange(0, info.low)
    if prefix.reaches(head):
        if not _is_older(prefix, facts, head, horizon_us):
            yield ReasonDetail(reason=Reason.HISTORY_TRUNCATED, missing=(prefix.part_of(head),))
        elif reach.has_drop:
            yield ReasonDetail(reason=Reason.LATENESS_UNPROVEN, missing=(prefix.part_of(head),))


def _horizon(demand: Demand, reach: Reach, max_skew_us: int) -> int | None:
    """The log time before which nothing that the windows reach can have been logged; None: there is none."""
    if reach.reach_us is None or demand.as_of_us is None:
        return None
    return demand.as_of_us - reach.reach_us - max_skew_us


def _is_older(prefix: _Prefix, facts: LogFacts, lost: OffsetRange, horizon_us: int | None) -> bool:
    """Whether all that is lost was logged before the horizon: the first record behind it was."""
    if horizon_us is None:
        return False
    first_us = facts.first_us_from(prefix.stream, prefix.partition, lost.end)
    return first_us is not None and first_us < horizon_us
