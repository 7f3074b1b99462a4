"""A folder of outputs: whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path

import pytest

from ofs.errors import InvariantViolation, RequestConflictError, SinkError
from ofs.ports import OutputRecords
from ofs.sinks.folder import FolderSink
from ofs.sinks.memory import MemorySink


def _written(out: Path, replay_id: str = "r1") -> Path:
    sink = FolderSink(out)
    assert sink.begin(replay_id)
    sink.put_parity(OutputRecords.of([("d1", b'{"a":1}'), ("d2", b'{"a":2}')]))
    sink.put_parity(OutputRecords.of([]))
    sink.put_parity(OutputRecords.of([("d3", b'{"a":3}')]))
    sink.put_snapshots(OutputRecords.of([("d2", b"{}")]))
    sink.commit({"figure": 7}, {"z": 1, "a": []})
    return out


def _tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_committed_folder_holds_lines_certificate_and_run(tmp_path: Path) -> None:
    """Five files, canonical, with digests and counts in run.json; nothing else beside."""
    out = _written(tmp_path / "new" / "out")
    tree = _tree(out)
    assert sorted(tree) == [
        "certificate.json",
        "deadletter.jsonl",
        "parity.jsonl",
        "run.json",
        "snapshots.jsonl",
    ]
    assert tree["parity.jsonl"] == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    assert tree["deadletter.jsonl"] == b""
    assert tree["certificate.json"] == b'{"a":[],"z":1}\n'
    run = json.loads(tree["run.json"])
    assert (run["figure"], run["replay_id"]) == (7, "r1")
    counts = {"parity.jsonl": 3, "snapshots.jsonl": 1, "deadletter.jsonl": 0, "certificate.json": 1}
    assert run["outputs"] == {
        name: {"records": records, "sha256": hashlib.sha256(tree[name]).hexdigest()}
        for name, records in counts.items()
    }
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_nothing_is_visible_before_commit_or_after_abort(tmp_path: Path) -> None:
    """Until the rename there is no output folder; an abort leaves none."""
    out = tmp_path / "out"
    sink = FolderSink(out)
    sink.begin("r1")
    sink.put_parity(OutputRecords.of([("d", b"{}")]))
    assert not out.exists()
    sink.abort()
    sink.abort()
    assert list(tmp_path.iterdir()) == []
    assert FolderSink(_written(out)).begin("r1") is False


def test_finished_run_is_verified_and_left_alone(tmp_path: Path) -> None:
    """The same request into a finished folder changes no byte."""
    out = _written(tmp_path / "out")
    before = _tree(tmp_path)
    assert FolderSink(out).begin("r1") is False
    assert _tree(tmp_path) == before


@pytest.mark.parametrize("name", ["parity.jsonl", "snapshots.jsonl", "deadletter.jsonl", "certificate.json"])
def test_damaged_finished_run_says_which_file(name: str, tmp_path: Path) -> None:
    """A changed or missing file of a finished run is a SinkError that names it."""
    out = _written(tmp_path / "out")
    path = out / name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SinkError, match=f"{name}: damaged"):
        FolderSink(out).begin("r1")
    path.unlink()
    with pytest.raises(SinkError, match=f"{name}: missing"):
        FolderSink(out).begin("r1")


def test_other_contents_are_refused_untouched(tmp_path: Path) -> None:
    """Another run's outputs, foreign files, a strange run.json, a file: all RequestConflictErrors."""
    other = _written(tmp_path / "other", "r2")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "run.json").write_text("[]")
    file = tmp_path / "file"
    file.write_text("")
    before = _tree(tmp_path)
    for out, message in (
        (other, "run r2"),
        (foreign, "holds no run.json"),
        (strange, "not the record"),
        (file, "not a"),
    ):
        with pytest.raises(RequestConflictError, match=message):
            FolderSink(out).begin("r1")
    assert _tree(tmp_path) == before


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    """An output folder that exists and is empty is filled."""
    out = tmp_path / "out"
    out.mkdir()
    assert min(_tree(_written(out))) == "certificate.json"


def test_leftovers_of_dead_runs_are_removed_and_living_ones_kept(tmp_path: Path) -> None:
    """A partial folder whose lock nobody holds goes; one that is held stays, and so do other folders."""
    dead = tmp_path / ".out.partial-1"
    living = tmp_path / ".out.partial-2"
    unrelated = tmp_path / ".output.partial-3"
    for folder in (dead, living, unrelated):
        folder.mkdir()
        (folder / "parity.jsonl").write_bytes(b"half")
    handle = os.open(living, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        _written(tmp_path / "out")
    finally:
        os.close(handle)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.partial-2", ".output.partial-3", "out"]


def test_two_runs_at_once_end_with_one_of_them(tmp_path: Path) -> None:
    """The second to commit is refused; the folder is the first one's, whole."""
    out = tmp_path / "out"
    slow = FolderSink(out)
    slow.begin("r1")
    living = tmp_path / f".out.partial-{os.getpid()}"
    moved = living.rename(tmp_path / ".out.partial-other")
    _written(out, "r2")
    moved.rename(living)
    with pytest.raises(RequestConflictError, match="meanwhile"):
        slow.commit({}, {})
    assert json.loads((out / "run.json").read_bytes())["replay_id"] == "r2"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_unwritable_place_is_a_sink_error(tmp_path: Path) -> None:
    """A file where a parent folder should be is one clear line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        FolderSink(tmp_path / "file" / "out").begin("r1")


def test_failing_commit_leaves_nothing(tmp_path: Path) -> None:
    """What cannot be encoded leaves no folder, neither the output nor a partial one."""
    sink = FolderSink(tmp_path / "out")
    sink.begin("r1")
    with pytest.raises(ValueError, match="canonical"):
        sink.commit({"bad": object()}, {})
    assert list(tmp_path.iterdir()) == []


def test_calls_out_of_order_are_defects(tmp_path: Path) -> None:
    """put and commit need begin."""
    for sink in (FolderSink(tmp_path / "out"), MemorySink()):
        with pytest.raises(InvariantViolation):
            sink.put_parity(OutputRecords.of([("d", b"{}")]))
        with pytest.raises(InvariantViolation):
            sink.commit({}, {})


def test_memory_sink_shows_only_what_was_committed() -> None:
    """It refuses another run and says when this one is finished."""
    sink = MemorySink()
    assert sink.begin("r1")
    sink.put_parity(OutputRecords.of([("d", b"p")]))
    sink.put_snapshots(OutputRecords.of([("d", b"s")]))
    sink.put_dead_letters(OutputRecords.of([("f:1", b"l")]))
    assert sink.parity == []
    sink.commit({"a": 1}, {"c": 2})
    assert (sink.parity, sink.snapshots, sink.dead_letters) == ([("d", b"p")], [("d", b"s")], [("f:1", b"l")])
    assert (sink.run, sink.certificate) == ({"a": 1}, {"c": 2})
    assert sink.begin("r1") is False
    with pytest.raises(RequestConflictError):
        sink.begin("r2")
