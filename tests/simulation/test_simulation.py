"""Whatever goes wrong on the way, a run that is launched until it ends leaves the right outputs, once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ofs.contracts.checkpoint import CheckpointManifest
from ofs.errors import SourceError
from ofs.native import core
from ofs.ports import DEAD_LETTERS, PARITY, SNAPSHOTS, RecordBatch
from ofs.sinks.kafka import KafkaSink
from ofs.sinks.memory import MemorySink
from ofs.units import OffsetRange, next_offset
from tests.simulation.model_log import ReaderLog
from tests.simulation.simulation import SimulationFailed, Story, simulate
from tests.simulation.states import Entries, MemoryShelf

SEEDS = 200
LOT = 20
Stories = Callable[[int], Story]


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """The story of a seed; each is simulated once."""

    @cache
    def tell(seed: int) -> Story:
        return simulate(seed, tmp_path_factory.mktemp(f"seed-{seed}-"))

    return tell


@pytest.mark.parametrize("first", range(0, SEEDS, LOT))
def test_outputs_are_those_of_the_semantics_whatever_goes_wrong(first: int, stories: Stories) -> None:
    """Faults, crashes and a log that changes: at the end the outputs equal the reference's, each record once."""
    for seed in range(first, first + LOT):
        assert stories(seed).ends[-1] in ("finished", "refused")


def test_seeds_reach_what_they_are_for(stories: Stories) -> None:
    """The seeds hold crashes and errors at every kind of call, every change of the log, all verdicts and places."""
    fired: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        story = stories(seed)
        fired.update(story.fired)
        seen.update([story.place, *story.ends, *story.results])
    for call in ("source.describe", "source.open", "source.read", "decisions.lines", "sink.begin"):
        assert fired[f"crash {call}"] > 0, call
        assert fired[f"error {call}"] > 0, call
    rarer = ["sink.put", "sink.end_chunk", "sink.commit", "source.offset_at", "broker.commit"]
    kept = [] if core is None else ["state.open", "state.write", "state.read", "state.take"]
    for call in (*rarer, *kept):
        assert fired[f"crash {call}"] + fired[f"error {call}"] > 1, call
    for change in [
        "append",
        "transaction",
        "partition",
        "tail",
        "retention",
        "loss",
        "compaction",
        "recreation",
        "zombie",
    ]:
        assert fired[change] > 0, change
    assert core is None or min(fired["checkpoint used"], fired["rot"]) > 20
    for what in ("memory", "folder", "topics", "finished", "crashed", "failed"):
        assert seen[what] > 10, what
    for verdict in ("MATCH", "MISMATCH", "HISTORY_TRUNCATED", "BASIS_BEYOND_LOG_END", "STREAM_COMPACTED"):
        assert seen[verdict] > 3, verdict


def test_a_seed_repeats_itself_in_any_process() -> None:
    """The trace of a seed is the same whatever the hash seed of the process."""
    traces = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "17"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        traces.add(done.stdout)
    assert len(traces) == 1
    assert b"seed 17: outputs in" in traces.pop()


def _skips_what_retention_removed() -> AbstractContextManager[object]:
    honest = ReaderLog.read

    def read(
        log: ReaderLog, stream: str, partition: int, span: OffsetRange, max_records: int
    ) -> Iterator[RecordBatch]:
        position = span.start
        while position < span.end:
            try:
                for batch in honest(log, stream, partition, OffsetRange(position, span.end), max_records):
                    yield batch
                    position = next_offset(batch.offsets[-1])
                return
            except SourceError:
                low = log._cluster.topics[stream].partitions[partition].low
                if low <= position:
                    raise
                position = min(low, span.end)

    return mock.patch.object(ReaderLog, "read", read)


def _keeps_what_a_dead_launch_staged() -> AbstractContextManager[object]:
    def begin(sink: MemorySink, replay_id: str) -> bool:
        if sink.run is not None:
            return False
        sink._replay_id = replay_id
        sink._staged = sink._staged or {PARITY: [], SNAPSHOTS: [], DEAD_LETTERS: []}
        return True

    return mock.patch.multiple(MemorySink, begin=begin, abort=lambda _sink: None)


def _reads_its_progress_before_it_fences() -> AbstractContextManager[object]:
    def begin(sink: KafkaSink, replay_id: str) -> bool:
        sink._replay_id = replay_id
        sink._topic_ids()
        early = sink._read_back()
        with mock.patch.object(sink, "_read_back", return_value=early):
            return honest_begin(sink, replay_id)

    honest_begin = KafkaSink.begin
    return mock.patch.object(KafkaSink, "begin", begin)


def _forgets_what_is_committed() -> AbstractContextManager[object]:
    def read_back(sink: KafkaSink) -> Any:
        run, progress = honest(sink)
        return run, replace(progress, outputs={})

    honest = KafkaSink._read_back
    return mock.patch.object(KafkaSink, "_read_back", read_back)


def _forgets_first_copies_in_a_checkpoint() -> AbstractContextManager[object]:
    def publish(shelf: MemoryShelf, manifest: CheckpointManifest, entries: Entries) -> CheckpointManifest:
        return honest(shelf, manifest, [entry for entry in entries if not entry[0].startswith(b"D")])

    honest = MemoryShelf.publish
    return mock.patch.object(MemoryShelf, "publish", publish)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(
            _forgets_first_copies_in_a_checkpoint,
            marks=pytest.mark.skipif(core is None, reason="no native core, no state"),
        ),
        _skips_what_retention_removed,
        _keeps_what_a_dead_launch_staged,
        _reads_its_progress_before_it_fences,
        _forgets_what_is_committed,
    ],
)
def test_simulation_finds_defects(
    defect: Callable[[], AbstractContextManager[object]], tmp_path: Path
) -> None:
    """A reader that skips, a sink that keeps what died, one that fences late, one that writes again: a seed fails."""
    with defect(), pytest.raises(SimulationFailed, match=r"make simulate SEED=\d+"):
        _simulate_all(tmp_path)


def _simulate_all(scratch: Path) -> None:
    for seed in range(SEEDS):
        folder = scratch / str(seed)
        folder.mkdir()
        simulate(seed, folder)
