"""A fold's state behind a store: opened from a checkpoint, written batch by batch, checkpointed on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from ofs.contracts import FeatureGroupRef
from ofs.contracts.checkpoint import StateIdentity
from ofs.engine.port import Decoded, Engine, Fold, StatefulEngine, StatefulFold
from ofs.errors import StateError, invariant
from ofs.planner.plan import PartitionPlan
from ofs.ports import StateStore
from ofs.runtime.horizon import Horizon
from ofs.state.folder import CheckpointFacts, LiveState
from ofs.units import OffsetRange

OpenStore = Callable[[PartitionPlan, StateIdentity], StateStore | None]
"""Opens the state of one partition; None where the run keeps its state in memory only."""


def _no_time() -> int:
    """Time stands still where no checkpoint depends on it."""
    return 0


@dataclass(frozen=True, slots=True)
class StateOptions:
    """How a run keeps its state.

    `replay_id` and `digests` (definition digests by name and version): what a checkpoint says it was made from.
    `memory_bytes`: how much of a partition's state stays resident beside a store; None: all of it.
    `checkpoint_records`, `checkpoint_us`: a checkpoint after so many offsets, or so much time by `now_us`;
    `checkpoint_at_end`: and one at the end of the run.
    """

    replay_id: str
    digests: dict[tuple[str, str], str]
    memory_bytes: int | None = None
    checkpoint_records: int | None = None
    checkpoint_us: int | None = None
    checkpoint_at_end: bool = True
    now_us: Callable[[], int] = _no_time


class TaskState:
    """Stands between one fold and its store. Without a store every call but `open` does nothing."""

    def __init__(
        self,
        engine: Engine,
        compiled: Any,
        scopes: list[bytes],
        max_skew_us: int,
        open_store: OpenStore,
        options: StateOptions,
    ) -> None:
        self._engine: Final = engine
        self._compiled: Final = compiled
        self._scopes: Final = scopes
        self._max_skew_us: Final = max_skew_us
        self._open_store: Final = open_store
        self._options: Final = options
        self._kept: _Kept | None = None

    def open(self, plan: PartitionPlan) -> tuple[PartitionPlan, Fold]:
        """The plan and the fold to go on with: from the best checkpoint, or from the planned start."""
        identity = StateIdentity.of(
            stream=plan.stream,
            log_id=plan.log_id,
            partition=plan.partition,
            group_digests=list(self._options.digests.values()),
            scopes=self._scopes,
            max_skew_us=self._max_skew_us,
            start=plan.start,
        )
        store = self._open_store(plan, identity)
        try:
            return self._opened(plan, store)
        except BaseException:
            if store is not None:
                store.close()
            raise

    def _opened(self, plan: PartitionPlan, store: StateStore | None) -> tuple[PartitionPlan, Fold]:
        checkpoint = store.checkpoint if isinstance(store, LiveState) else None
        if store is None or checkpoint is None:
            fold = self._engine.fold(
                self._compiled, self._scopes, plan.stream, plan.partition, plan.start, self._max_skew_us
            )
            origin = plan.start_from
        else:
            fold, origin = self._restored(store), checkpoint.start_from
            invariant(
                fold.frontier == checkpoint.frontier, "a checkpoint's state is at another cut than it says"
            )
            plan = replace(
                plan,
                start=checkpoint.since,
                start_from="checkpoint",
                resume_from=fold.frontier,
                passed_over=tuple(OffsetRange(*gap) for gap in checkpoint.unread),
            )
        if store is not None:
            invariant(isinstance(fold, StatefulFold), f"the {self._engine.name} engine was given a store")
            kept = cast(StatefulFold, fold)
            horizon = Horizon(store, kept)
            self._kept = _Kept(store, kept, horizon, origin, plan, fold.frontier, self._options.now_us())
        return plan, fold

    def _restored(self, store: StateStore) -> Fold:
        engine = cast(StatefulEngine, self._engine)
        entries = [entry for prefix in engine.resident_prefixes() for entry in store.scan(prefix)]
        with _as_state_error():
            return engine.open_fold(self._compiled, self._scopes, entries)

    @property
    def is_kept(self) -> bool:
        """Whether there is a store."""
        return self._kept is not None

    def supply(self, records: Decoded | None, first: int, limit: int, queries: Any) -> None:
        """Load what the fold needs of the store for these records and queries and does not hold."""
        kept = self._kept
        if kept is None or not kept.fold.is_lazy:
            return
        keys, prefixes = kept.fold.needs(records, first, limit, queries)
        if keys or prefixes:
            found = list(zip(keys, kept.store.get_many(keys), strict=True))
            firsts = kept.horizon.firsts(prefixes)
            scanned = list(zip(prefixes, kept.store.scan_many(prefixes, firsts), strict=True))
            with _as_state_error():
                kept.fold.supply(found, scanned)

    def narrow(self, as_of_min_us: int) -> None:
        """What is answered from here on has no as-of before this one: load no more of the store than that sees."""
        if self._kept is not None:
            with _as_state_error():
                self._kept.horizon.narrow(as_of_min_us)

    def supply_watermarks(self) -> None:
        """Load what `watermarks` of cuts behind the frontier needs."""
        kept = self._kept
        if kept is not None and kept.fold.is_lazy:
            prefixes = kept.fold.watermark_prefixes()
            scanned = list(zip(prefixes, kept.store.scan_many(prefixes), strict=True))
            with _as_state_error():
                kept.fold.supply([], scanned)

    def keep(self) -> None:
        """Write what changed in one atomic batch; make room; take a checkpoint where one is due."""
        kept = self._kept
        if kept is None:
            return
        kept.store.write(kept.fold.drain_state())
        self.make_room()
        if self._is_due(kept):
            self._take(kept)

    def _is_due(self, kept: _Kept) -> bool:
        records, time_us = self._options.checkpoint_records, self._options.checkpoint_us
        by_records = records is not None and kept.fold.frontier - kept.checkpointed >= records
        return by_records or (
            time_us is not None and self._options.now_us() - kept.checkpointed_us >= time_us
        )

    def make_room(self) -> None:
        """Drop what was written and used least recently, down to the limit."""
        if self._kept is not None and self._options.memory_bytes is not None:
            self._kept.fold.evict(self._options.memory_bytes)

    def end(self) -> None:
        """Take the last checkpoint."""
        if self._kept is not None and self._options.checkpoint_at_end:
            self._kept.store.write(self._kept.fold.drain_state())
            self._take(self._kept, is_last=True)

    def close(self) -> None:
        """Release the store."""
        if self._kept is not None:
            self._kept.store.close()

    def _take(self, kept: _Kept, *, is_last: bool = False) -> None:
        if not isinstance(kept.store, LiveState) or kept.fold.frontier <= kept.checkpointed:
            return
        groups = tuple(
            FeatureGroupRef(name=name, version=version, digest=digest)
            for (name, version), digest in sorted(self._options.digests.items())
        )
        kept.store.take(
            CheckpointFacts(
                frontier=kept.fold.frontier,
                start_from="bound" if kept.origin == "bound" else "origin",
                topic_id=kept.plan.topic_id,
                groups=groups,
                watermark_us=kept.fold.event_time_us_max(),
                input_digest=json.loads(kept.fold.certificate())["content_digest"],
                created_from=self._options.replay_id,
                unread=tuple(kept.plan.missing),
                is_last=is_last,
            )
        )
        kept.checkpointed, kept.checkpointed_us = kept.fold.frontier, self._options.now_us()


@contextmanager
def _as_state_error() -> Iterator[None]:
    """Entries that the core refuses are a damaged state."""
    try:
        yield
    except ValueError as error:
        raise StateError(
            f"state: {error}", hint="`ofs state verify` names what is damaged; remove it and run again"
        ) from error


@dataclass(slots=True)
class _Kept:
    """A fold with its store. `origin`: what its start rests on. `checkpointed`, `checkpointed_us`: the frontier and
    the time of the last checkpoint.
    """

    store: StateStore
    fold: StatefulFold
    horizon: Horizon
    origin: str
    plan: PartitionPlan
    checkpointed: int
    checkpointed_us: int
