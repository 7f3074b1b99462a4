"""Both engines fold and answer alike, whatever the batches, limits and order of the questions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ofs.canonical import sha256_hex
from ofs.engine.native import NativeEngine
from ofs.engine.port import Engine, Fold
from ofs.engine.reference import ReferenceEngine
from ofs.features import definition_bytes, definition_digest, read_definition
from ofs.ports import RecordBatch
from tests.golden.core_presence import required_core
from tests.unit.planner.facts import line
from tests.unit.semantics.logs import SCOPE, event

REPLAY = "ef" * 32
TEXT = """
feature_group: hour
version: v1
key: {type: account_id, field: payload.k}
event_types: [t]
features: [{name: l, op: last_k, k: 99, field: payload.v, type: int, window: lifetime}]
"""
GROUP = read_definition(TEXT.encode(), "test.yaml")
RECORDS = [
    (offset, event(f"e{offset}", 10 - offset, f'{{"k":"K","v":{offset}}}')) for offset in (0, 1, 2, 4, 5)
]


@pytest.fixture(params=["reference", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine; the native one where it was built."""
    if request.param == "native":
        required_core()
        return NativeEngine()
    return ReferenceEngine()


class Run:
    """Decisions on partition 0 of one stream, a fold over RECORDS, and what was answered."""

    def __init__(self, engine: Engine, *cuts: int, **members: Any) -> None:
        self.engine = engine
        self.plan = engine.compile([definition_bytes(GROUP)], [definition_digest(GROUP)])
        self.decisions = engine.decisions()
        basis = [[{"stream": "events", "partition": 0, "next_offset": cut}] for cut in cuts]
        self.decisions.add([line(decision_id=f"d{i}", basis=one, **members) for i, one in enumerate(basis)])
        self.decisions.seal()
        self.decisions.bind(0, [0])
        self.fold: Fold = engine.fold(self.plan, self.decisions.pins(), "events", 0, 0, 0)

    def queries(self) -> Any:
        """All questions of all decisions."""
        return self.decisions.queries("events", 0, 0, len(self.decisions), 0, 2**63 - 1)

    def apply(self, queries: Any, size: int, first: int = 0, limit: int = 2**63 - 1) -> int:
        """Apply RECORDS in batches of `size` up to the limit; the index of the first that was not applied."""
        position = first
        while position < len(RECORDS):
            some = RECORDS[: position + size]
            offsets, values = [offset for offset, _ in some], [value for _, value in some]
            nothing: list[bytes | None] = [None] * len(some)
            batch = RecordBatch(
                "events", 0, offsets, [1_000] * len(some), [2] * len(some), nothing, [*values], None
            )
            records = self.engine.decoder(self.fold).decode(batch)
            taken = self.fold.apply(records, position, limit, queries)
            if taken < len(some):
                return taken
            position = taken
        return position

    def lists(self, answers: list[Any], snapshots: str = "all") -> dict[int, list[int]]:
        """The feature of each decision that was answered."""
        count = len(self.decisions)
        verdicts = self.engine.assemble(self.plan, self.decisions, 0, count, answers, REPLAY, snapshots)
        return {
            verdict.index: json.loads(verdict.snapshot)["features"]["account_id:K"]["hour"]["l"]
            for index in range(count)
            if (verdict := verdicts.verdict(index)) is not None
        }


CUTS = (6, 0, 3, 5, 4, 3)
EXPECTED = {0: [5, 4, 2, 1, 0], 1: [], 2: [2, 1, 0], 3: [4, 2, 1, 0], 4: [2, 1, 0], 5: [2, 1, 0]}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_cuts_are_answered_on_the_way(engine: Engine, size: int) -> None:
    """One pass answers every cut, in any order, whatever the batch size; a cut inside a hole too."""
    run = Run(engine, *CUTS)
    queries = run.queries()
    assert run.apply(queries, size) == len(RECORDS)
    run.fold.advance(6, queries)
    assert queries.answered == len(queries) == len(CUTS)
    assert run.lists([queries]) == EXPECTED


def test_cuts_behind_the_frontier_are_answered(engine: Engine) -> None:
    """A fold that went further leaves later offsets out."""
    run = Run(engine, *CUTS)
    nothing = run.decisions.queries("events", 0, 0, 0, 0, 2**63 - 1)
    run.apply(nothing, 100)
    queries = run.queries()
    run.fold.advance(6, queries)
    assert run.lists([queries]) == EXPECTED


@pytest.mark.parametrize(("limit", "taken"), [(0, 0), (1, 1), (3, 3), (4, 3), (5, 4), (6, 5), (99, 5)])
def test_a_limit_is_not_passed(engine: Engine, limit: int, taken: int) -> None:
    """Records at or above it stay, and the frontier is behind the last that was applied."""
    run = Run(engine, 0)
    queries = run.queries()
    assert run.apply(queries, 100, limit=limit) == taken
    assert run.fold.frontier == (RECORDS[taken - 1][0] + 1 if taken else 0)
    assert run.apply(queries, 100, first=taken) == len(RECORDS)


def test_an_unanswered_question_is_refused(engine: Engine) -> None:
    """Nothing is assembled from half of the partitions."""
    run = Run(engine, 7)
    queries = run.queries()
    run.apply(queries, 100)
    with pytest.raises(ValueError):
        run.lists([queries])
    with pytest.raises(ValueError):
        run.lists([])


def test_answers_of_two_folds_are_merged(engine: Engine) -> None:
    """Decisions of one partition may be answered by different folds, as after a voided start."""
    run = Run(engine, 3, 6)
    early = run.decisions.queries("events", 0, 0, 2, 0, 4)
    late = run.decisions.queries("events", 0, 0, 2, 4, 99)
    run.apply(early, 100)
    run.fold.advance(6, early)
    run.fold.advance(6, late)
    assert run.lists([early, late]) == {0: [2, 1, 0], 1: [5, 4, 2, 1, 0]}


def test_folds_of_one_log_have_one_certificate(engine: Engine) -> None:
    """The counts and the content digest do not depend on batches or on the engine."""
    found = set()
    for one in (engine, ReferenceEngine()):
        for size in (1, 2, 100):
            run = Run(one, 6)
            queries = run.queries()
            run.apply(queries, size)
            run.fold.advance(8, queries)
            found.add(run.fold.certificate())
    (certificate,) = (json.loads(text) for text in found)
    assert (certificate["start"], certificate["end"], certificate["records"]) == (0, 8, 5)
    assert certificate["holes"] == {"count": 3, "ranges": [[3, 4], [6, 8]]}
    assert certificate["groups"]["hour:v1"]["usable"] == 5


@pytest.mark.parametrize(
    ("snapshots", "online", "status", "has_parity", "has_snapshot"),
    [
        ("all", "own", "MATCH", True, True),
        ("mismatch", "own", "MATCH", True, False),
        ("none", "own", "MATCH", True, False),
        ("all", "0" * 64, "MISMATCH", False, True),
        ("mismatch", "0" * 64, "MISMATCH", False, True),
        ("none", "0" * 64, "MISMATCH", False, True),
        ("none", ..., "ONLINE_HASH_MISSING", False, True),
    ],
)
def test_a_match_is_finished_and_others_carry_their_snapshot(
    engine: Engine, snapshots: str, online: Any, status: str, has_parity: bool, has_snapshot: bool
) -> None:
    """The parity record of a match is complete; of others the planner needs the snapshot."""
    own = json.loads(verdict(ReferenceEngine(), "all", "0" * 64).snapshot)["snapshot_hash"]
    found = verdict(engine, snapshots, own if online == "own" else online)
    assert (found.index, found.status) == (0, status)
    assert (found.parity is not None, found.snapshot is not None) == (has_parity, has_snapshot)
    if found.parity is not None:
        assert json.loads(found.parity)["offline_snapshot_hash"] == own


def verdict(engine: Engine, snapshots: str, online: Any) -> Any:
    """The verdict on one decision at cut 6."""
    run = Run(engine, 6, online_snapshot_hash=online)
    queries = run.queries()
    run.apply(queries, 100)
    run.fold.advance(6, queries)
    return engine.assemble(run.plan, run.decisions, 0, 1, [queries], REPLAY, snapshots).verdict(0)


def test_both_engines_write_the_same_bytes(engine: Engine) -> None:
    """Snapshot and parity of a match, byte for byte."""
    own = json.loads(verdict(ReferenceEngine(), "all", "0" * 64).snapshot)["snapshot_hash"]
    expected, found = verdict(ReferenceEngine(), "all", own), verdict(engine, "all", own)
    assert (found.parity, found.snapshot) == (expected.parity, expected.snapshot)
    assert sha256_hex(found.snapshot) != own


def test_watermarks_are_those_of_the_cuts(engine: Engine) -> None:
    """The largest event time inside each cut, None where there is none; other bases are not asked."""
    run = Run(engine, 0, 1, 6, as_of_spec={"as_of_basis": "watermark"})
    nothing = run.decisions.queries("events", 0, 0, 0, 0, 99)
    run.apply(nothing, 100)
    run.fold.advance(6, nothing)
    assert run.fold.watermarks(run.decisions, 0, 3) == [(0, None), (1, 10), (2, 10)]
    assert run.fold.watermarks(run.decisions, 1, 2) == [(1, 10)]
    assert Run(engine, 6).fold.watermarks(Run(engine, 6).decisions, 0, 1) == []
    assert run.decisions.pins() == [SCOPE]


def test_a_skew_violation_is_the_first_one(engine: Engine) -> None:
    """An event that was logged longer before it happened than the skew allows."""
    plan = engine.compile([definition_bytes(GROUP)], [definition_digest(GROUP)])
    decisions = engine.decisions()
    decisions.seal()
    queries = decisions.queries("events", 0, 0, 0, 0, 99)
    fold = engine.fold(plan, [], "events", 0, 5, 10)
    values: list[bytes | None] = [event("a", 110), event("b", 111), event("c", 999)]
    batch = RecordBatch("events", 0, [5, 6, 7], [100] * 3, [2] * 3, [None] * 3, values, None)
    records = engine.decoder(fold).decode(batch)
    fold.apply(records, 0, 6, queries)
    assert fold.skew_violation() is None
    fold.apply(records, 1, 99, queries)
    assert fold.skew_violation() == 6
