"""`ofs state`: what it prints of checkpoints, what it finds, what it removes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ofs.cli.main import main
from ofs.errors import ExitCode
from ofs.features import Registry
from ofs.native import core
from ofs.sources.archive import import_ndjson
from ofs.sources.archive.log import ArchiveLog
from tests.unit.runtime.folded import fold_into
from tests.unit.state.scene import STREAM, folder_of, with_checkpoints

CARDS = Path(__file__).parents[3] / "docs" / "examples" / "cards"


def call(*arguments: object) -> int:
    """Run `ofs state` with these arguments."""
    return main(["state", *map(str, arguments)])


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON document on stdout."""
    return json.loads(capsys.readouterr().out)


def test_list_shows_one_line_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stream, partition, cut, since, watermark, groups, size and state; what is unusable is said beside it."""
    taken = with_checkpoints(tmp_path, 5, 10)
    with_checkpoints(tmp_path, 12)
    assert call("list", tmp_path) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["stream", "partition", "cut", "since", "watermark", "groups", "bytes", "state"]
    assert [line.split()[:6] for line in lines] == [
        [STREAM, "3", cut, "0", f"1970-01-01T00:00:00.{1_000 + int(cut):06d}Z", "velocity:v1"]
        for cut in ("5", "10", "12")
    ]
    assert lines[0].split()[6:] == [str(taken[0].size_bytes), taken[0].state_id[:12]]
    (folder_of(tmp_path, taken[0]) / "manifest.json").write_text("{")
    assert call("list", tmp_path) == 0
    found = capsys.readouterr()
    assert len(found.out.splitlines()) == 3
    assert "manifest.json: not JSON" in found.err


def test_list_as_json_holds_the_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything by name, also the problem of what cannot be used and what was set aside."""
    taken = with_checkpoints(tmp_path, 5, 10)
    (folder_of(tmp_path, taken[1]) / "manifest.json").write_text("{}")
    aside = folder_of(tmp_path, taken[0]).with_name("00000000000000000003.damaged")
    aside.mkdir()
    assert call("list", tmp_path, "--json") == 0
    document = printed(capsys)
    assert document["checkpoints"][0] == {
        "stream": STREAM,
        "partition": 3,
        "cut": 5,
        "state_id": taken[0].state_id,
        "since": 0,
        "start_from": "origin",
        "watermark_utc": "1970-01-01T00:00:00.001005Z",
        "groups": ["velocity:v1"],
        "size_bytes": taken[0].size_bytes,
        "input_digest": f"{5:064x}",
        "content_digest": taken[0].content_digest,
        "created_from": "cc" * 32,
    }
    assert document["checkpoints"][1]["cut"] == 10
    assert "SHA-256 expected None" in document["checkpoints"][1]["problem"]
    assert document["set_aside"] == [str(aside)]


def test_verify_of_sound_checkpoints_is_0_and_of_damaged_ones_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every problem is named, and nothing is changed."""
    taken = with_checkpoints(tmp_path, 5, 10)
    assert call("verify", tmp_path) == ExitCode.ALL_MATCH
    assert "sound: every digest is as recorded" in capsys.readouterr().out
    path = folder_of(tmp_path, taken[1])
    (path / "db" / "CURRENT").unlink()
    (path / "db" / "other").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert call("verify", tmp_path) == ExitCode.UNREACHABLE
    found = capsys.readouterr()
    assert [line.split()[-1] for line in found.out.splitlines()] == ["result", "sound", "damaged"]
    assert f"ofs: error: {path}: db/CURRENT: No such file or directory" in found.err
    assert f"ofs: error: {path}: db/other: is not in the manifest" in found.err
    assert sorted(tmp_path.rglob("*")) == before
    assert call("verify", tmp_path, "--json") == ExitCode.UNREACHABLE
    document = printed(capsys)
    assert document["sound"] is False
    assert [len(entry["problems"]) for entry in document["checkpoints"]] == [0, 2]


def test_prune_says_what_it_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Checkpoints by policy, what was set aside, and what a killed run left; the rest stays."""
    taken = with_checkpoints(tmp_path, *range(1, 10))
    state = folder_of(tmp_path, taken[0]).parents[1]
    (state / "checkpoints" / "00000000000000000004.damaged").mkdir()
    (state / "live-1-x").mkdir()
    assert call("prune", tmp_path, "--keep", 2, "--json") == 0
    document = printed(capsys)
    assert [entry["cut"] for entry in document["removed"]] == [2, 3, 5, 7]
    assert document["set_aside"] == [str(state / "checkpoints" / "00000000000000000004.damaged")]
    assert document["left_behind"] == [str(state / "live-1-x")]
    left = sorted(path.name.lstrip("0") for path in (state / "checkpoints").iterdir())
    assert left == ["1", "4", "6", "8", "9"]
    assert [path.name for path in state.iterdir()] == ["checkpoints"]
    assert call("prune", tmp_path, "--keep", 1) == 0
    assert capsys.readouterr().err == "ofs: nothing to remove\n"
    with_checkpoints(tmp_path, 10)
    assert call("prune", tmp_path, "--keep", 1) == 0
    assert capsys.readouterr().out == f"removed {state / 'checkpoints' / f'{6:020d}'}\n"


def test_what_is_no_state_folder_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4 for every command, and the folder is named."""
    for command in ("list", "verify", "prune"):
        assert call(command, tmp_path / "none") == ExitCode.UNREACHABLE
        assert f"state {tmp_path / 'none'}: not a folder" in capsys.readouterr().err


@pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
def test_inspect_shows_the_events_of_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Event time, offset, log time and values, one line an event, for a cut behind the checkpoint's too."""
    lines = (CARDS / "events.ndjson").read_bytes().splitlines()
    import_ndjson(lines, "cards", tmp_path / "archive")
    log, registry = ArchiveLog(tmp_path / "archive"), Registry.load(CARDS / "registry")
    pins = json.loads((CARDS / "pins.json").read_text())
    from ofs.canonical import jcs

    fold_into(tmp_path / "state", log, "cards", 0, list(registry), [jcs(pins)])
    locked = next(iter(registry))
    arguments = [
        *("inspect", tmp_path / "state", "--features", CARDS / "registry", "--stream", "cards"),
        *(
            "--partition",
            0,
            "--group",
            f"{locked.name}:{locked.version}",
            "--key",
            f"{locked.group.key.type}:A1",
        ),
    ]
    assert call(*arguments, "--json") == 0
    document = printed(capsys)
    assert document["scopes"][0]["context_pins"] == pins
    events = document["scopes"][0]["contributions"]
    assert call(*arguments) == 0
    out = capsys.readouterr().out
    assert f"at cut {document['frontier']}, from the checkpoint at {document['frontier']}" in out
    assert len(events) > 1
    for event in events:
        assert event["event_time_utc"] in out
    assert call(*arguments, "--cut", events[0]["offset"], "--json") == 0
    assert len(printed(capsys)["scopes"][0]["contributions"]) < len(events)
    assert call(*arguments, "--cut", 10**6) == ExitCode.INCOMPLETE
    assert "can answer cut 1000000" in capsys.readouterr().err
