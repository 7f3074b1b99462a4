"""The certificate of a run, from what its tasks read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ofs.contracts import CutCertificate, TimeMapping
from ofs.planner.plan import PartitionPlan

_ONE_TIME_PER_ID = "all copies of an event id carry one event time"


def certificate(
    read: Iterable[tuple[PartitionPlan, bytes]],
    *,
    replay_id: str,
    max_skew_us: int,
    time_mapping: tuple[TimeMapping, ...] | None,
    topic_ids_unproven: tuple[str, ...],
    partition_counts: Mapping[str, int],
) -> CutCertificate:
    """`read`: each partition's plan with its fold's counts. `partition_counts`: how many each stream has."""
    partitions = [
        _partition(plan, json.loads(counts), partition_counts[plan.stream], max_skew_us)
        for plan, counts in read
    ]
    return CutCertificate.model_validate_json(
        json.dumps(
            {
                "schema_version": "ofs.certificate/v0",
                "replay_id": replay_id,
                "partitions": partitions,
                "time_mapping": None if time_mapping is None else [entry.to_dict() for entry in time_mapping],
                "max_clock_skew_us": max_skew_us,
                "assumptions": _assumptions(partitions, max_skew_us, topic_ids_unproven),
            }
        )
    )


def _partition(
    plan: PartitionPlan, counts: dict[str, Any], partition_count: int, max_skew_us: int
) -> dict[str, Any]:
    broker = plan.info.broker
    expired_to = 0 if broker is None else min(broker.start, plan.end)
    expired = [[plan.start, expired_to]] if expired_to > plan.start else []
    return {
        **counts,
        "log_id": plan.log_id,
        "topic_id": plan.topic_id,
        "partition_count": partition_count,
        "start_from": plan.start_from,
        "bound_skew_us": max_skew_us if plan.start > 0 else None,
        "low": plan.info.low,
        "log_end": plan.info.end,
        "low_watermark": None if broker is None else broker.start,
        "last_stable_offset": None if broker is None else broker.end,
        "expired": expired,
        "unread": [[gap.start, gap.end] for gap in plan.unread],
    }


def _assumptions(
    partitions: list[dict[str, Any]], max_skew_us: int, topic_ids_unproven: tuple[str, ...]
) -> list[str]:
    """What the verdicts rest on and nothing read can prove."""
    bounded = [f"{p['stream']}:{p['partition']}" for p in partitions if p["start"] > 0]
    assumptions = [_ONE_TIME_PER_ID]
    if bounded:
        assumptions.append(
            f"no record before the start was logged more than {max_skew_us} us earlier than it happened, and log"
            f" timestamps before the start do not run ahead of those after it: {', '.join(bounded)}"
        )
    if topic_ids_unproven:
        assumptions.append(f"topic identity, which no decision names: {', '.join(topic_ids_unproven)}")
    return assumptions
