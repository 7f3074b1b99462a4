"""The canonical form of definitions and its digest, held to vectors that any implementation can run."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from ofs.features import OPERATORS, Registry, definition_bytes, definition_digest, read_definition
from ofs.native import core
from tests.golden.definitions.write_vectors import VECTORS, vectors
from topologies.card_payments import REGISTRY

GOLDEN: list[dict[str, str]] = json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", GOLDEN, ids=[vector["name"] for vector in GOLDEN])
def test_a_definition_gives_the_canonical_form_and_digest_of_its_vector(vector: dict[str, str]) -> None:
    """The YAML of a vector is read to its canonical text, whose SHA-256 is its digest."""
    group = read_definition(vector["yaml"].encode(), vector["name"])
    assert definition_bytes(group) == vector["canonical"].encode()
    assert definition_digest(group) == vector["digest"]
    assert hashlib.sha256(vector["canonical"].encode()).hexdigest() == vector["digest"]


def test_the_file_of_vectors_is_current() -> None:
    """The cases and the file hold the same vectors."""
    assert vectors() == GOLDEN


def test_the_vectors_cover_the_whole_language() -> None:
    """Every operator, window, value kind, comparison and late policy stands in a vector."""
    found: dict[str, set[str]] = {"op": set(), "window": set(), "type": set(), "where": set(), "late": set()}
    for vector in GOLDEN:
        canonical: dict[str, Any] = json.loads(vector["canonical"])
        found["late"].add(canonical["late"]["policy"])
        found["where"] |= {condition["op"] for condition in canonical["where"]}
        for feature in canonical["features"]:
            found["op"].add(feature["op"])
            found["window"] |= {feature["window"]["kind"]} if "window" in feature else set()
            found["type"] |= {feature["type"]["kind"]} if "type" in feature else set()
    assert found == {
        "op": {str(op) for op in OPERATORS},
        "window": {"sliding", "tumbling", "hopping", "session", "lifetime"},
        "type": {"int", "decimal", "string", "bool", "timestamp"},
        "where": {"eq", "ne", "in", "gt", "gte", "lt", "lte"},
        "late": {"include", "drop"},
    }


def test_equal_definitions_have_one_digest_whatever_their_text() -> None:
    """Defaults written out give the digest of the shortest text."""
    by_name = {vector["name"]: vector["digest"] for vector in GOLDEN}
    assert by_name["defaults written out"] == by_name["smallest"]
    assert len(set(by_name.values())) == len(by_name) - 1


def test_the_native_core_compiles_every_definition_that_is_let_through() -> None:
    """What the package accepts as a definition, the core compiles: all vectors and the card payment groups."""
    if core is None:
        pytest.skip("the native core is not built")
    cases = [([vector["canonical"].encode()], [vector["digest"]]) for vector in GOLDEN]
    registry = list(Registry.load(REGISTRY))
    cases.append(([locked.canonical_bytes for locked in registry], [locked.digest for locked in registry]))
    assert all(core.Plan(definitions, digests) is not None for definitions, digests in cases)
