"""Which checkpoint a partition's task starts from."""

from __future__ import annotations

from collections.abc import Iterable

from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity
from ofs.planner.plan import PartitionPlan
from ofs.units import OffsetRange


def best_first(
    plan: PartitionPlan, identity: StateIdentity, checkpoints: Iterable[CheckpointManifest]
) -> list[CheckpointManifest]:
    """The checkpoints that can stand in for reading from the planned start, the one that leaves least to read first.

    `identity`: that of the state of a fold from the planned start. A state that starts earlier holds more and serves as
    well, so one from the log's beginning serves every plan; its cut lies behind the planned start, or nothing would be
    won, and not behind the job's end, or it would have read what the job does not. What the log did not hold when the
    state read it must not be there now for this job to read. A state answers every cut since its start, so the job's
    own cuts do not matter.
    """
    usable = [manifest for manifest in checkpoints if _is_usable(plan, identity, manifest)]
    return sorted(usable, key=lambda manifest: (-manifest.frontier, manifest.since, manifest.state_id))


def _is_usable(plan: PartitionPlan, identity: StateIdentity, manifest: CheckpointManifest) -> bool:
    state = manifest.state
    if state.model_copy(update={"start": identity.start}) != identity or state.start > identity.start:
        return False
    topic_ids = {manifest.topic_id, plan.topic_id} - {None}
    if len(topic_ids) > 1 or not plan.start < manifest.frontier <= plan.end:
        return False
    wanted = OffsetRange(plan.start, manifest.frontier)
    gaps = [gap for span in manifest.unread if (gap := OffsetRange(*span).intersection(wanted)) is not None]
    return all(held.intersection(gap) is None for held in plan.info.ranges for gap in gaps)
