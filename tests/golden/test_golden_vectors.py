"""The vectors are current, say what was worked out by hand, and hold for the reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ofs.canonical import canonical_text, sha256_hex
from ofs.canonical.content import content_root
from ofs.semantics import Rejection
from tests.golden import admission_cases, canonical_cases, content_cases, make_vectors
from tests.golden.byte_values import Written, text_bytes
from tests.golden.operator_cases import CASES as OPERATOR_CASES
from tests.golden.operator_cases import OperatorCase
from tests.golden.scenes import KEY, by_semantics
from tests.golden.window_cases import CASES as WINDOW_CASES

FILES = sorted(make_vectors.FILES)


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_vectors_is_current(file: str) -> None:
    """Recomputing the cases gives the file byte for byte."""
    text = (make_vectors.FOLDER / file).read_text(encoding="utf-8")
    assert make_vectors.file_text(make_vectors.FILES[file]()) == text


@pytest.mark.parametrize("file", FILES)
def test_names_of_vectors_are_unique(file: str) -> None:
    """A failing vector is found by its name."""
    names = [vector["name"] for vector in make_vectors.read_vectors(file)]
    assert len(set(names)) == len(names) > 0


def test_vectors_are_not_written_under_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With CI set, --update is refused and says so."""
    monkeypatch.setenv("CI", "1")
    assert make_vectors.main(["--update"]) == 2
    assert "not written under CI" in capsys.readouterr().err


def test_another_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt option writes nothing."""
    assert make_vectors.main(["--updated"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"), canonical_cases.ACCEPTED.values(), ids=canonical_cases.ACCEPTED
)
def test_canonical_text_is_what_was_written_by_hand(text: Written, expected: Written) -> None:
    """The canonical form of an open JSON text."""
    assert canonical_text(text_bytes(text)) == text_bytes(expected)


def test_every_text_that_is_no_json_is_rejected() -> None:
    """Each hand-written text that is not JSON, or not UTF-8, is a vector with that reason."""
    found = {v["name"]: v.get("rejected") for v in make_vectors.read_vectors("canonical.json")}
    for reason, cases in (("not_utf8", canonical_cases.NOT_UTF8), ("not_json", canonical_cases.NOT_JSON)):
        assert {name: found[name] for name in cases} == dict.fromkeys(cases, reason)


@pytest.mark.parametrize(
    ("value", "expected"), admission_cases.ACCEPTED.values(), ids=admission_cases.ACCEPTED
)
def test_an_admitted_record_is_what_was_written_by_hand(value: Written, expected: dict[str, Any]) -> None:
    """Id, type, time and pins of an admitted record."""
    assert make_vectors.admitted(value) == {"admitted": expected}


@pytest.mark.parametrize(("value", "reason"), admission_cases.REJECTED.values(), ids=admission_cases.REJECTED)
def test_a_rejected_record_has_the_reason_written_by_hand(value: Written, reason: str) -> None:
    """The first reason that applies."""
    assert make_vectors.admitted(value) == {"rejected": reason}


def test_every_reason_of_rejection_has_a_vector() -> None:
    """No reason goes without a record that has it."""
    assert {reason for _, reason in admission_cases.REJECTED.values()} == {
        str(reason) for reason in Rejection
    }


@pytest.mark.parametrize("name", WINDOW_CASES)
def test_a_window_holds_what_was_written_by_hand(name: str) -> None:
    """Bounds and events inside."""
    case = WINDOW_CASES[name]
    (vector,) = [v for v in make_vectors.window_vectors() if v["name"] == name]
    start, end = case.bounds
    assert vector["start_us"] == (None if start is None else str(start))
    assert vector["end_us"] == str(end)
    assert vector["inside_us"] == [str(time) for time in case.inside]


@pytest.mark.parametrize("case", OPERATOR_CASES.values(), ids=OPERATOR_CASES)
def test_features_are_what_was_worked_out_by_hand(case: OperatorCase) -> None:
    """Every feature of a small replay, and whether its key is fresh."""
    part = by_semantics(case.scene)
    name = ":".join(KEY)
    assert part["features"] == {name: {"vectors": case.features}}
    assert part["freshness"][name]["vectors"]["state"] == (case.state or "FRESH")


def test_operators_and_windows_are_covered() -> None:
    """Every operator meets every kind of value it takes, and every window stands in a vector."""
    operators = {
        "count",
        "sum",
        "mean",
        "variance",
        "stddev",
        "min",
        "max",
        "first",
        "last",
        "first_k",
        "last_k",
    }
    found: dict[str, set[str]] = {}
    for vector in make_vectors.read_vectors("operators.json"):
        for feature in vector["definition"]["features"]:
            found.setdefault(feature["op"], set()).add(feature.get("type", {}).get("kind", "none"))
    numbers, anything = {"int", "decimal"}, {"int", "decimal", "string", "bool", "timestamp"}
    assert set(found) == operators | {"count_distinct", "top_k", "age_of_last", "age_of_first", "ratio"}
    assert {op: found[op] for op in ("sum", "mean", "variance", "stddev")} == dict.fromkeys(
        ("sum", "mean", "variance", "stddev"), numbers
    )
    assert all(
        found[op] == anything for op in ("first", "last", "first_k", "last_k", "count_distinct", "top_k")
    )
    assert all(found[op] == numbers | {"string", "timestamp"} for op in ("min", "max"))
    kinds = {vector["window"]["kind"] for vector in make_vectors.read_vectors("windows.json")}
    assert kinds == {"sliding", "tumbling", "hopping", "session", "lifetime"}


def test_every_operator_has_a_value_for_no_event() -> None:
    """The vector of nothing at all has count, sum and lists as they begin, and null for the rest."""
    (vector,) = [v for v in make_vectors.read_vectors("operators.json") if v["name"] == "nothing at all"]
    (values,) = vector["features"].values()
    given = {name: value for name, value in values["vectors"].items() if value is not None}
    assert given == {"n": 0, "total": "0.00", "kinds": 0, "ones": [], "ends": [], "top": []}


@pytest.mark.parametrize("name", content_cases.CASES)
def test_content_digests_agree_with_a_second_way_to_compute_them(name: str) -> None:
    """Blocks and root of a vector are those of the framing written down a second time."""
    (vector,) = [v for v in make_vectors.read_vectors("content.json") if v["name"] == name]
    records = [content_cases.read(record) for record in vector["records"]]
    assert records == content_cases.CASES[name]
    blocks = content_cases.blocks(records)
    assert [(int(b["block"]), b["records"], bytes.fromhex(b["digest"])) for b in vector["blocks"]] == blocks
    assert vector["root"] == content_cases.root([digest for _, _, digest in blocks]).hex()
    assert content_root([digest.hex() for _, _, digest in blocks]) == vector["root"]


def test_snapshot_hashes_cover_the_identity_and_nothing_else() -> None:
    """The hash of a vector is that of its canonical text, which reads back as the identity part."""
    for vector in make_vectors.read_vectors("hashes.json"):
        assert json.loads(vector["canonical"]) == vector["identity"]
        assert sha256_hex(vector["canonical"].encode()) == vector["snapshot_hash"]


@pytest.mark.parametrize(
    ("changed", "of"),
    [
        (lambda part: {**part, "hash_rule": "x"}, "hash rule"),
        (lambda part: {**part, "basis": [{**part["basis"][0], "next_offset": 2}]}, "cut"),
        (
            lambda part: {**part, "as_of_spec": {**part["as_of_spec"], "as_of_basis": "watermark"}},
            "as-of basis",
        ),
        (lambda part: {**part, "context_pins": {**part["context_pins"], "seed": 1}}, "pins"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_scopes_a_snapshot_is_inside_its_hash(changed: Callable[[Any], Any], of: str) -> None:
    """Another rule, cut, as-of basis or pin gives another hash for the same features."""
    (vector,) = [
        v for v in make_vectors.read_vectors("hashes.json") if v["name"] == "two groups, sorted by name"
    ]
    text = json.dumps(changed(vector["identity"])).encode()
    assert sha256_hex(canonical_text(text)) != vector["snapshot_hash"], of
