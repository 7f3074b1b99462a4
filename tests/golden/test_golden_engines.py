"""Both engines give what the vectors say: the native core in bytes, both in whole small replays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ofs.canonical import sha256_hex
from ofs.canonical.content import ContentDigest
from tests.golden import content_cases
from tests.golden.byte_values import bytes_of, text_bytes
from tests.golden.core_presence import required_core
from tests.golden.make_vectors import Vector, read_vectors
from tests.golden.operator_cases import CASES as OPERATOR_CASES
from tests.golden.scenes import Scene, by_engine, definition, envelope
from tests.golden.window_cases import CASES as WINDOW_CASES
from tests.golden.window_cases import yaml_of


def vectors_of(file: str) -> Any:
    """Parametrizes a test by the vectors of a file."""
    vectors = read_vectors(file)
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


@pytest.fixture(params=["reference", "native"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine; the native one where it was built."""
    name: str = request.param
    if name == "native":
        required_core()
    return name


@vectors_of("canonical.json")
def test_the_core_gives_canonical_bytes(vector: Vector) -> None:
    """Canonical text and hash of what is JSON; ValueError for what is not."""
    core = required_core()
    text = text_bytes(vector["text"])
    if "rejected" in vector:
        with pytest.raises(ValueError):
            core.canonical(text)
    else:
        assert core.canonical(text) == text_bytes(vector["canonical"])
        assert sha256_hex(core.canonical(text)) == vector["sha256"]


@vectors_of("hashes.json")
def test_the_core_gives_the_bytes_of_identity_parts(vector: Vector) -> None:
    """The identity part in any spelling has the vector's bytes and hash."""
    text = json.dumps(vector["identity"], indent=1, ensure_ascii=True).encode()
    canonical: bytes = required_core().canonical(text)
    assert canonical == vector["canonical"].encode()
    assert sha256_hex(canonical) == vector["snapshot_hash"]


@vectors_of("admission.json")
def test_the_core_admits_and_rejects_alike(vector: Vector) -> None:
    """Admission of a record value, with id, type, time and pins."""
    found = json.loads(required_core().inspect(bytes_of(vector["value"]), []))
    assert found.pop("fields", {}) == {}
    assert found == vector.get("admitted", {"rejected": vector.get("rejected")})


@vectors_of("content.json")
@pytest.mark.parametrize("way", ["at once", "one by one", "carried over"])
def test_the_core_digests_content_alike(vector: Vector, way: str) -> None:
    """Blocks and root, whether records come together, alone, or after a restore."""
    core = required_core()
    digest = core.RangeDigest()
    records = [content_cases.read(record) for record in vector["records"]]
    for some in [records] if way == "at once" else [[record] for record in records]:
        digest.update(*([record[column] for record in some] for column in range(6)))
        if way == "carried over":
            digest = core.RangeDigest.restore(digest.state())
    assert [(int(b["block"]), b["records"], b["digest"]) for b in vector["blocks"]] == digest.blocks()
    assert digest.root() == vector["root"]


@vectors_of("content.json")
def test_the_digest_in_python_is_carried_over(vector: Vector) -> None:
    """A restore after every record changes neither blocks nor root."""
    digest = ContentDigest()
    for record in vector["records"]:
        digest.update(*([column] for column in content_cases.read(record)))  # type: ignore[arg-type]  # columns of one record
        digest = ContentDigest.restore(digest.state())
    assert digest.root() == vector["root"]
    assert [block for block, *_ in digest.blocks()] == [int(b["block"]) for b in vector["blocks"]]


@pytest.mark.parametrize("name", OPERATOR_CASES)
def test_a_small_replay_gives_the_vector(name: str, engine: str) -> None:
    """A decision with the vector's hash is a MATCH, and the written snapshot holds the vector's features."""
    (vector,) = [v for v in read_vectors("operators.json") if v["name"] == name]
    found = by_engine(OPERATOR_CASES[name].scene, engine)
    assert found["result"] == "MATCH"
    snapshot = found["snapshot"]
    assert [snapshot[part] for part in ("features", "freshness", "snapshot_hash")] == [
        vector[part] for part in ("features", "freshness", "snapshot_hash")
    ]


@pytest.mark.parametrize("name", WINDOW_CASES)
def test_a_window_selects_alike(name: str, engine: str) -> None:
    """The list of all events in the window, of a replay of one event for each time."""
    case = WINDOW_CASES[name]
    records = [
        (0, offset, time, envelope(f"e{offset}", time, f'"v":{offset}'))
        for offset, time in enumerate(case.events)
    ]
    line = f"name: x, op: last_k, k: 1000, field: payload.v, type: int, window: {yaml_of(case.window)}"
    scene = Scene(definition(line), case.as_of_us, records)
    found = by_engine(scene, engine)
    assert found["result"] == "MATCH"
    ((groups),) = found["snapshot"]["features"].values()
    assert [case.events[offset] for offset in groups["vectors"]["x"]] == case.inside
