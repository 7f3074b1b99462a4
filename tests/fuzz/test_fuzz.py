"""A short fuzz at every run of the tests, the same inputs each time; and the proof that it can find something."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ofs.native import core
from ofs.semantics import admission
from tests.fuzz import agreement, corpus, run, targets
from tests.fuzz.mutation import Mutator
from tests.golden.core_presence import required_core

pytestmark = pytest.mark.skipif(
    core is None, reason="without a native core there is nothing to hold to the semantics"
)

INPUTS = {"records": 5_000, "decisions": 2_500, "definitions": 600, "compiled": 800, "commands": 200}


@pytest.fixture(autouse=True)
def _standard_input() -> Any:
    """A run closes its standard input: give it back to the other tests."""
    kept = os.dup(0)
    yield
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("target", INPUTS)
def test_a_short_fuzz_finds_nothing(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Core and semantics agree on every input, and none crashes, hangs, or ends without a documented exit code."""
    out = tmp_path / "found"
    assert (
        run.main(["--target", target, "--inputs", str(INPUTS[target]), "--seed", "0", "--out", str(out)]) == 0
    )
    assert "0 findings" in capsys.readouterr().out
    assert not out.exists()


def _other_decisions() -> Any:
    """Decisions that have seen a line before."""
    found = required_core().Decisions()
    found.add([b"[]"])
    return found


@pytest.mark.parametrize(
    ("target", "name", "planted"),
    [
        ("records", "admit", lambda value: admission.admit(value.replace(b"Z", b"z"))),
        ("decisions", "ReferenceDecisions", _other_decisions),
        ("definitions", "read_definition", lambda *_: 1 / 0),
        ("compiled", "sha256_hex", lambda _: 7),
    ],
)
def test_a_planted_defect_is_found(
    target: str, name: str, planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A difference and an exception are findings: the inputs are kept, and the exit code is 1."""
    monkeypatch.setattr(agreement, name, planted)
    out = tmp_path / "found"
    assert run.main(["--target", target, "--inputs", "200", "--seed", "0", "--out", str(out)]) == 1
    assert {path.name for path in out.rglob("*")} >= {"0000", "error.txt"}


def test_a_seed_draws_the_same_inputs() -> None:
    """Two mutators of one seed give the same inputs; of another seed, others."""
    drawn = [
        [mutator.draw() for _ in range(50)]
        for mutator in (Mutator(seed, corpus.records()) for seed in (1, 1, 2))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_mutation_reaches_every_verdict() -> None:
    """Of 4,000 records some are admitted, and some are rejected for each reason that bytes of this length can have."""
    figures = targets.Figures()
    fuzz_round = targets.Records(0)
    while figures.inputs < 4_000:
        some = fuzz_round()
        figures.inputs += some.inputs
        figures.behaviours.update(some.behaviours)
    reasons = set(admission.Rejection) - {admission.Rejection.VALUE_NULL, admission.Rejection.VALUE_TOO_LARGE}
    assert set(figures.behaviours) == {"admitted", *map(str, reasons)}


def test_a_corpus_of_files_is_checked(tmp_path: Path) -> None:
    """Inputs that a coverage-guided run has kept go through the same checks, as records and as decisions."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a").write_bytes(b'{"decision_id":"d"}')
    arguments = ["--inputs", "0", "--corpus", str(tmp_path / "corpus"), "--out", str(tmp_path / "found")]
    assert run.main(arguments) == 0
