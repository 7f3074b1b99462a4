"""contracts/verify.mjs: another language recomputes the vectors and snapshots, and notices a flipped byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.golden.make_vectors import FOLDER
from tests.golden.operator_cases import CASES as OPERATOR_CASES
from tests.golden.scenes import by_engine

SCRIPT = FOLDER.parent / "verify.mjs"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The script's result; skips without node, but fails under OFS_REQUIRE_NODE=1."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("OFS_REQUIRE_NODE") == "1":
            pytest.fail("node was not found, and OFS_REQUIRE_NODE=1 asks for it")
        pytest.skip("node was not found")
    return subprocess.run([node, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A copy of the vectors."""
    return Path(shutil.copytree(FOLDER, tmp_path / "vectors"))


@pytest.fixture
def snapshot() -> dict[str, Any]:
    """A snapshot as it is written."""
    found: dict[str, Any] = by_engine(OPERATOR_CASES["strings as any value"].scene, "reference")["snapshot"]
    return found


def written(path: Path, *snapshots: dict[str, Any]) -> Path:
    """A snapshots.jsonl."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in snapshots), encoding="utf-8")
    return path


def test_every_vector_holds_in_another_language() -> None:
    """All vectors of bytes and hashes are recomputed, and the summary is one line."""
    result = run()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert "all equal" in result.stdout


def test_the_script_stays_small() -> None:
    """Under 150 lines and without packages, so that it can be read as a description of the format."""
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    imported = {line.split(" from ")[1] for line in lines if line.startswith("import ")}
    assert all(name.startswith('"node:') for name in imported)


@pytest.mark.parametrize(
    ("file", "name", "member"),
    [
        ("canonical.json", "members in UTF-16 order", "canonical"),
        ("canonical.json", "literals", "sha256"),
        ("hashes.json", "seed zero", "canonical"),
        ("hashes.json", "seed zero", "snapshot_hash"),
        ("content.json", "headers", "root"),
        ("definitions.json", "smallest", "digest"),
        ("operators.json", "where", "digest"),
    ],
)
def test_a_flipped_byte_is_named(vectors: Path, file: str, name: str, member: str) -> None:
    """One changed character makes the script fail and name the vector."""
    entries = json.loads((vectors / file).read_text(encoding="utf-8"))
    (entry,) = [entry for entry in entries if entry["name"] == name]
    entry[member] = entry[member][:-1] + ("0" if entry[member][-1] != "0" else "1")
    (vectors / file).write_text(json.dumps(entries), encoding="utf-8")
    result = run("--vectors", vectors)
    assert result.returncode == 1
    assert result.stderr == f"differs: {file}: {name}\n"
    assert result.stdout.endswith("1 differ\n")


@pytest.mark.parametrize("member", ["digest", "value", "offset", "log_ts_us"])
def test_a_changed_record_is_named(vectors: Path, member: str) -> None:
    """Every part of a record is inside its digest."""
    entries = json.loads((vectors / "content.json").read_text(encoding="utf-8"))
    (entry,) = [entry for entry in entries if entry["name"] == "2 blocks"]
    record = entry["records"][1]
    changed = {"value": "AA==", "offset": "4097", "log_ts_us": "7", "digest": "0" * 64}
    record[member] = changed[member]
    (vectors / "content.json").write_text(json.dumps(entries), encoding="utf-8")
    result = run("--vectors", vectors)
    assert (result.returncode, result.stderr) == (1, "differs: content.json: 2 blocks\n")


def test_a_text_that_is_taken_for_json_is_named(vectors: Path) -> None:
    """A vector that is said to be rejected, but is JSON, fails; so does one with the wrong reason."""
    entries = json.loads((vectors / "canonical.json").read_text(encoding="utf-8"))
    by_name = {entry["name"]: entry for entry in entries}
    by_name["two values"]["text"] = "{}"
    by_name["a surrogate in UTF-8"]["rejected"] = "not_json"
    (vectors / "canonical.json").write_text(json.dumps(entries), encoding="utf-8")
    result = run("--vectors", vectors)
    named = {line.removeprefix("differs: canonical.json: ") for line in result.stderr.splitlines()}
    assert (result.returncode, named) == (1, {"two values", "a surrogate in UTF-8"})


def test_snapshots_are_recomputed(tmp_path: Path, snapshot: dict[str, Any]) -> None:
    """Hashes of written snapshots hold, whatever stands in their provenance and in whatever order."""
    other = dict(reversed(list({**snapshot, "provenance": {"replay_id": "x"}}.items())))
    result = run(written(tmp_path / "snapshots.jsonl", snapshot, other))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "checked 2 snapshots: all equal\n"


def test_a_changed_snapshot_is_named(tmp_path: Path, snapshot: dict[str, Any]) -> None:
    """The line of a snapshot whose features were changed is named."""
    changed = json.loads(json.dumps(snapshot).replace('"count_distinct": 6', '"count_distinct": 7'))
    assert changed != snapshot
    result = run(written(tmp_path / "snapshots.jsonl", snapshot, changed))
    assert result.returncode == 1
    assert "snapshots.jsonl:2: snapshot_hash" in result.stderr


def test_an_archive_manifest_is_recomputed(tmp_path: Path, snapshot: dict[str, Any]) -> None:
    """The content root of each partition is that of its blocks; another one is named."""
    (vector,) = [
        v for v in json.loads((FOLDER / "content.json").read_text("utf-8")) if v["name"] == "5 blocks"
    ]
    good = {"partition": 0, "blocks": vector["blocks"], "content_root": vector["root"]}
    bad = {"partition": 1, "blocks": vector["blocks"][1:], "content_root": vector["root"]}
    snapshots, manifest = written(tmp_path / "snapshots.jsonl", snapshot), tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"partitions": [good]}), encoding="utf-8")
    assert run(snapshots, manifest).returncode == 0
    manifest.write_text(json.dumps({"partitions": [good, bad]}), encoding="utf-8")
    result = run(snapshots, manifest)
    assert result.returncode == 1
    assert "partition 1: content_root" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--vectors",), 2), (("a", "b", "c"), 2), (("no-such-file",), 1)]
)
def test_wrong_usage_gives_one_line(arguments: tuple[str, ...], code: int) -> None:
    """No stack trace for a missing argument or file."""
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.count("\n") == 1


def test_the_readme_shows_what_the_script_prints() -> None:
    """The summary in contracts/README.md is the one that the script gives today."""
    assert run().stdout in (FOLDER.parent / "README.md").read_text(encoding="utf-8")
