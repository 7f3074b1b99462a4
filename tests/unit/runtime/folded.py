"""Partitions folded by the native core into a state folder, a checkpoint at the end of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ofs.contracts import FeatureGroupRef
from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity
from ofs.engine.native import NativeEngine
from ofs.features import Locked
from ofs.ports import EventLog
from ofs.state.folder import CheckpointFacts, StateFolder
from ofs.units import OffsetRange


def fold_into(
    root: Path,
    log: EventLog,
    stream: str,
    partition: int,
    groups: list[Locked],
    scopes: list[bytes],
    *,
    end: int | None = None,
    batch_size: int = 1_000,
    max_skew_us: int = 10**15,
) -> CheckpointManifest:
    """Fold `[0, end)` of a partition, to its end where none is given, and take a checkpoint there."""
    engine = NativeEngine()
    plan = engine.compile([locked.canonical_bytes for locked in groups], [locked.digest for locked in groups])
    fold: Any = engine.fold(plan, scopes, stream, partition, 0, max_skew_us)
    info = log.describe(stream)
    assert info is not None
    frontier = info.partitions[partition].end if end is None else end
    nothing = engine.decisions()
    nothing.seal()
    queries = nothing.queries(stream, partition, 0, 0, 0, 1)
    identity = StateIdentity.of(
        stream=stream,
        log_id=info.log_id,
        partition=partition,
        group_digests=[locked.digest for locked in groups],
        scopes=scopes,
        max_skew_us=max_skew_us,
        start=0,
    )
    state = StateFolder(root).open(identity)
    for batch in log.read(stream, partition, OffsetRange(0, frontier), batch_size):
        fold.apply(engine.decoder(fold).decode(batch), 0, frontier, queries)
        state.write(fold.drain_state())
    fold.advance(frontier, queries)
    state.write(fold.drain_state())
    taken = state.take(
        CheckpointFacts(
            frontier=frontier,
            start_from="origin",
            topic_id=info.topic_id,
            groups=tuple(
                FeatureGroupRef(name=locked.name, version=locked.version, digest=locked.digest)
                for locked in groups
            ),
            watermark_us=None,
            input_digest=json.loads(fold.certificate())["content_digest"],
            created_from="0" * 64,
        )
    )
    state.close()
    return taken
