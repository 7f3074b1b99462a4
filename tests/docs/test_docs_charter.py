"""The clauses of the charter that are about the code itself."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from ofs.canonical import DEFAULT_HASH_RULE
from ofs.canonical.content import _RECORD_PREFIX
from ofs.contracts import public_schema_text
from ofs.engine.reference import ReferenceEngine
from ofs.features.lock_file import LOCK_FORMAT
from ofs.librdkafka import _SIGNATURES
from ofs.sources.archive.manifest import FORMAT as ARCHIVE_FORMAT
from topologies.bounded_replay import topology

ROOT = Path(__file__).resolve().parents[2]


def _imports(folder: str) -> set[str]:
    """The modules that the Python files of a folder import."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found.add(node.module)
    return found


def _below(modules: set[str], *packages: str) -> list[str]:
    return sorted(name for name in modules for package in packages if f"{name}.".startswith(f"{package}."))


def test_no_code_joins_a_group_or_commits() -> None:
    """Nothing subscribes, commits or stores offsets; each reader has a group id of its own, auto-commit is off."""
    calls: set[str] = set()
    for path in [*(ROOT / "ofs").rglob("*.py"), *(ROOT / "topologies").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                calls.add(node.func.attr)
    assert not calls & {"subscribe", "store_offsets", "send_offsets_to_transaction"}
    assert not {name for name in _SIGNATURES if re.search("subscribe|store|send_offsets|commit(?!_tr)", name)}
    client = (ROOT / "ofs" / "kafka_client.py").read_text("utf-8")
    assert ".commit(" not in client
    assert '"enable.auto.commit": False' in client
    assert '"enable.auto.offset.store": False' in client
    assert re.search(r'"group\.id": f"ofs-\{uuid\.uuid4\(\)\}"', client) is not None


def test_the_core_forbids_unsafe_code_and_panics() -> None:
    """The crate forbids unsafe code, checks integers, and clippy denies what panics."""
    manifest = tomllib.loads((ROOT / "ofs/core/Cargo.toml").read_text("utf-8"))
    assert manifest["lints"]["rust"]["unsafe_code"] == "forbid"
    assert manifest["profile"]["release"]["overflow-checks"] is True
    denied = {name for name, level in manifest["lints"]["clippy"].items() if level == "deny"}
    assert {"unwrap_used", "expect_used", "panic"} <= denied
    assert "#![forbid(unsafe_code)]" in (ROOT / "ofs/core/src/lib.rs").read_text("utf-8")


def test_what_is_not_safe_stands_apart_and_gives_its_reasons() -> None:
    """Messages of the client's library are taken in a crate of its own; no unsafe block lacks its reason."""
    manifest = tomllib.loads((ROOT / "ofs/core/librdkafka/Cargo.toml").read_text("utf-8"))
    denied = {name for name, level in manifest["lints"]["clippy"].items() if level == "deny"}
    assert {
        "undocumented_unsafe_blocks",
        "missing_safety_doc",
        "unwrap_used",
        "expect_used",
        "panic",
    } <= denied
    assert manifest["lints"]["rust"]["unsafe_op_in_unsafe_fn"] == "deny"
    sources = (ROOT / "ofs/core/librdkafka/src").glob("*.rs")
    unsafe = {path.name for path in sources if "unsafe {" in path.read_text("utf-8")}
    assert unsafe == {"library.rs", "python.rs", "tests.rs"}


def test_the_semantics_share_no_code_with_the_core() -> None:
    """The executable semantics import canonical forms, units and themselves, and never the native core."""
    imported = _below(_imports("ofs/semantics"), "ofs")
    assert {name.split(".")[1] for name in imported} <= {"canonical", "semantics", "units"}


def test_the_live_plane_shares_no_code_with_engine_and_semantics() -> None:
    """The live plane imports neither engine nor semantics, nor the core or the planner."""
    imported = _imports("topologies/live_ofp")
    assert (
        _below(
            imported, "ofs.engine", "ofs.semantics", "ofs.native", "ofs._core", "ofs.planner", "ofs.parity"
        )
        == []
    )


def test_the_reference_engine_runs_and_says_so_where_no_core_was_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a native core `auto` is the reference engine with a notice; asked for by name it needs none."""
    monkeypatch.setattr(topology, "core", None)
    engine, notices = topology.choose_engine("auto")
    assert isinstance(engine, ReferenceEngine)
    assert "reference engine" in " ".join(notices)
    assert topology.choose_engine("reference")[1] == ()


def test_every_format_has_its_name_inside() -> None:
    """The names of the formats in the charter are those in the code."""
    charter = (ROOT / "docs/specs/OFS1_charter_and_boundaries.md").read_text("utf-8")
    named = set(re.findall(r"`(ofs[.\-][a-z0-9.\-]+/v\d+)`", charter))
    record = _RECORD_PREFIX.decode().rstrip("\0")
    in_code = {DEFAULT_HASH_RULE, LOCK_FORMAT, ARCHIVE_FORMAT, record}
    in_code |= set(re.findall(r"ofs\.(?:snapshot|certificate|run)/v\d+", public_schema_text()))
    in_code |= {"ofs.request/v0"} if r"ofs\\.request/v0" in public_schema_text() else set()
    assert named == in_code
