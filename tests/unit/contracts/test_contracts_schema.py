"""The JSON Schema is current, is a schema, and agrees with the models on what is a contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ofs.contracts import PUBLIC_CONTRACTS, SCHEMA_FILE, public_schema, public_schema_text
from tests.golden.operator_cases import CASES as OPERATOR_CASES
from tests.golden.scenes import STREAM, decision, run_scene
from tests.unit.contracts.examples import EXAMPLES

FILE = Path(__file__).parents[3] / "contracts" / SCHEMA_FILE
SCHEMA = public_schema()


def validator(name: str) -> Any:
    """Validates instances of one contract."""
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def plain(value: Any) -> Any:
    """As JSON has it."""
    return json.loads(json.dumps(value))


def test_the_schema_file_is_current() -> None:
    """The file in contracts/ is what the models give, byte for byte."""
    assert FILE.read_text(encoding="utf-8") == public_schema_text()


def test_the_schema_is_a_schema() -> None:
    """It is valid JSON Schema 2020-12 with a definition for each public contract."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert {model.__name__ for model in PUBLIC_CONTRACTS} <= set(SCHEMA["$defs"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_schema_accepts_what_the_model_accepts(name: str) -> None:
    """Every example is valid; with an unknown member only the open ones are."""
    example = plain(EXAMPLES[name])
    assert validator(name).is_valid(example)
    assert validator(name).is_valid({**example, "unheard_of": 1}) is (
        name in ("EventEnvelope", "DecisionRecord")
    )


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("ContextPins", {"run_id": "C" * 32}),
        ("ContextPins", {"seed": -1}),
        ("FeatureKey", {"key_type": "A"}),
        ("AsOfSpec", {"as_of_basis": "now"}),
        ("AsOfSpec", {"as_of_time_utc": "yesterday"}),
        ("DecisionRecord", {"basis": []}),
        ("ParityResult", {"result": "MAYBE"}),
        ("DeadLetter", {"line": -1}),
        ("ErrorResponse", {"exit_code": "2"}),
    ],
)
def test_the_schema_refuses_what_the_model_refuses(name: str, members: dict[str, Any]) -> None:
    """Bounds, patterns and enums stand in the schema too."""
    assert not validator(name).is_valid({**plain(EXAMPLES[name]), **members})


@pytest.mark.parametrize(
    "name", ["every operator", "nothing at all", "three partitions", "ages beyond the safe integers"]
)
def test_outputs_of_a_run_are_valid(name: str) -> None:
    """Decision, parity result, snapshot, certificate and run record of a replay are valid against the schema."""
    scene = OPERATOR_CASES[name].scene
    sink = run_scene(scene, [decision(scene, online_snapshot_hash="0" * 64), b"[]"], "reference")
    ((_, parity),), ((_, snapshot),), ((_, letter),) = sink.parity, sink.snapshots, sink.dead_letters
    found = {
        "DecisionRecord": json.loads(decision(scene)),
        "EventEnvelope": json.loads(scene.records[0][3])
        if scene.records
        else plain(EXAMPLES["EventEnvelope"]),
        "ParityResult": json.loads(parity),
        "RebuiltFeatureSnapshot": json.loads(snapshot),
        "DeadLetter": json.loads(letter),
        "CutCertificate": plain(sink.certificate),
        "RunRecord": plain(sink.run),
    }
    problems = [
        f"{contract}: {error.message}"
        for contract, record in found.items()
        for error in validator(contract).iter_errors(record)
    ]
    assert problems == []
    assert found["ParityResult"]["result"] == "MISMATCH"
    assert [part["stream"] for part in found["CutCertificate"]["partitions"]] == [STREAM] * len(scene.cut)
