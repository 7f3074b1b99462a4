"""The demo on the first days of the year: the whole way, and what it says when something is wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ofs.contracts import DecisionRecord
from ofs.errors import ExitCode, SourceError, UsageError
from ofs.features import Registry
from ofs.native import core
from ofs.sources.archive import ArchiveLog
from topologies.flights.build import DECISIONS_FILE, EVENTS_FOLDER, REGISTRY, TRUTH_FILE, build
from topologies.flights.build_apart import build_apart
from topologies.flights.demo import DemoReport, run_demo
from topologies.flights.spoils import Kind
from topologies.flights.verify import compare

# change detectors: a new digest here is a change of what a replay writes, and the README's digest changes too
DAYS = 10
DECISIONS_SHA256 = "4884ed875e98c7264e939c3f7d1a4c373a92d8348ae16df4b389d52f63b23741"
TRUTH_SHA256 = "f24d2abf3961d47225aa1578293660f6f2d01e47f13e7acc7655a347a1c29f8e"
DIGEST = "0bb311bb68056eb1f2278ef03d17c2efd14a13a9467171c7ffb01b4fa887a264"
SMALL_DIGEST = "a602eaa1e8be49a03a8c85321172f94b6266c489c27a52c3f368446b0d030ed0"

needs_core = pytest.mark.skipif(core is None, reason="no native core was built")


def ignore(_stage: str, _done: int, _total: int | None) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights") / "input"
    build(folder, days=DAYS)
    return folder


def decisions_of(place: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(place / DECISIONS_FILE) as lines:
        yield from map(json.loads, lines)


def test_input_is_the_same_everywhere(place: Path) -> None:
    """Decisions and truth of the slice have the bytes that they have on every machine."""
    lines = gzip.decompress((place / DECISIONS_FILE).read_bytes())
    assert hashlib.sha256(lines).hexdigest() == DECISIONS_SHA256
    assert hashlib.sha256((place / TRUTH_FILE).read_bytes()).hexdigest() == TRUTH_SHA256


def test_decisions_keep_the_contract_in_time_order(place: Path) -> None:
    """Every decision but those without a basis is a DecisionRecord; they stand in time order and name 42 features."""
    without_basis, times, widest = 0, [], 0
    for decision in decisions_of(place):
        if "basis" in decision:
            DecisionRecord.model_validate_json(json.dumps(decision))
            assert [entry["partition"] for entry in decision["basis"]] == [0, 1, 2, 3]
        else:
            without_basis += 1
        times.append(decision["decided_at_utc"])
        served = decision["online_features"].values()
        widest = max(widest, sum(len(values) for groups in served for values in groups.values()))
    assert without_basis > 0
    assert times == sorted(times)
    assert widest == 42


def test_every_kind_of_fault_that_a_slice_can_have_is_there(place: Path) -> None:
    """About one decision in two hundred is spoiled, in every way but those that need months."""
    truth = json.loads((place / TRUTH_FILE).read_bytes())
    kinds = {entry["kind"] for entry in truth["expected"]}
    assert kinds >= set(Kind) - {Kind.FLOAT_SUM, Kind.HISTORY_ENOUGH}
    assert 100 < truth["decisions"] / len(truth["expected"]) < 400


def test_late_stream_lacks_its_first_part(place: Path) -> None:
    """The second stream's archive starts late, in every partition, and ends where the first one does."""
    log = ArchiveLog(place / EVENTS_FOLDER)
    whole, late = log.describe("flights"), log.describe("flights_late")
    assert whole is not None
    assert late is not None
    for first, second in zip(whole.partitions, late.partitions, strict=True):
        assert first.low == 0
        assert 0 < second.low < second.end == first.end


def test_registry_is_locked_and_has_two_versions_of_a_group() -> None:
    """The definitions that are published are those in the files; carrier_ops has two versions that differ."""
    registry = Registry.load(REGISTRY)
    first, second = registry.get("carrier_ops", "v1"), registry.get("carrier_ops", "v2")
    assert first is not None
    assert second is not None
    assert first.digest != second.digest
    assert [f.name for f in first.group.features] == [f.name for f in second.group.features]


@needs_core
def test_demo_finds_every_spoiled_decision_and_no_other() -> None:
    """Two runs with other workers and batch sizes find exactly what was spoiled, with the digest of every machine."""
    report = run_demo(days=DAYS)
    assert report.exit_code is ExitCode.ALL_MATCH
    assert report.comparison.wrong == ()
    assert report.comparison.found == report.comparison.planned == report.built.spoiled
    assert report.is_reproduced
    assert report.folder is None
    assert report.digest == DIGEST
    assert report.lines()[-1].split() == ["digest", DIGEST]
    assert report.to_dict()["every_spoiled_one_found_and_no_other"] is True


@pytest.mark.parametrize("engine", [pytest.param("native", marks=needs_core), "reference"])
def test_demo_has_the_same_digest_on_either_engine(engine: str, tmp_path: Path) -> None:
    """The native core and the executable semantics end the demo with one digest; a folder that is given is kept."""
    report = run_demo(tmp_path / "kept", days=1, engine=engine)
    assert report.first.engine == engine
    assert report.exit_code is ExitCode.ALL_MATCH
    assert report.digest == SMALL_DIGEST
    assert report.folder is not None
    assert (tmp_path / "kept" / "replay" / "parity.jsonl").is_file()


def test_demo_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    """Nothing is written where something is."""
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="not an empty folder"):
        run_demo(tmp_path, days=1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_build_apart_raises_what_build_raises(tmp_path: Path) -> None:
    """An error of the other process comes back as the same error, with its hint."""
    stages: list[str] = []
    build_apart(tmp_path / "a", days=1, progress=lambda stage, _done, _total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["archiving flights", "archiving flights_late", "deciding"]
    with pytest.raises(UsageError, match="exists already") as caught:
        build_apart(tmp_path / "a", days=1, progress=ignore)
    assert caught.value.hint is not None


def test_compare_names_what_is_wrong(tmp_path: Path) -> None:
    """A verdict missed, a false alarm, another reason, other fields and a missing decision all count as wrong."""

    def verdict(name: str, result: str, reason: str | None, *paths: str) -> str:
        fields = [{"path": path, "online": 1, "offline": 2} for path in paths]
        evidence = {"mismatch_fields": fields}
        return json.dumps({"decision_id": name, "result": result, "reason": reason, "evidence": evidence})

    def entry(name: str, result: str, reason: str | None, *paths: str) -> dict[str, Any]:
        return {"decision_id": name, "kind": name[0], "result": result, "reason": reason, "fields": paths}

    expected = [
        entry("a1", "MISMATCH", None, "/features/x"),
        entry("b1", "MISMATCH", None, "/features/x"),
        entry("c1", "UNCHECKABLE", "BASIS_MISSING"),
        entry("d1", "MISMATCH", None, "/features/x"),
        entry("e1", "MISMATCH", None),
    ]
    lines = [
        verdict("a1", "MISMATCH", None, "/features/x"),
        verdict("b1", "MATCH", None),
        verdict("c1", "UNCHECKABLE", "AS_OF_INVALID"),
        verdict("d1", "MISMATCH", None, "/features/y"),
        verdict("f", "MISMATCH", None),
        verdict("g", "MATCH", None),
    ]
    truth, parity = tmp_path / "truth.json", tmp_path / "parity.jsonl"
    truth.write_text(json.dumps({"decisions": 6, "expected": expected}))
    parity.write_text("\n".join(lines))
    comparison = compare(parity, truth)
    assert comparison.found == {"a": 1}
    assert [line.split(":")[0] for line in comparison.wrong] == ["b1", "c1", "d1", "f"]
    assert comparison.wrong_count == 5
    assert not comparison.is_exact
    parity.write_text("torn")
    with pytest.raises(SourceError, match="cannot be read"):
        compare(parity, truth)


@needs_core
def test_demo_says_so_when_a_verdict_is_wrong(tmp_path: Path) -> None:
    """A decision that is spoiled without being known as such ends the demo with WRONG and exit code 1."""
    report = run_demo(tmp_path / "kept", days=1)
    truth = tmp_path / "kept" / TRUTH_FILE
    known = json.loads(truth.read_bytes())
    forgotten = known["expected"].pop(0)
    truth.write_text(json.dumps(known))
    comparison = compare(tmp_path / "kept" / "replay" / "parity.jsonl", truth)
    wrong = DemoReport(report.built, report.first, report.again, comparison, 1.0, 1, None)
    assert wrong.exit_code is ExitCode.MISMATCH
    assert any("WRONG: 1 decisions" in line for line in wrong.lines())
    assert wrong.lines()[-1].startswith(forgotten["decision_id"])
