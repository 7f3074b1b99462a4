"""The commands on a small card log: results on stdout, messages on stderr, exit codes as documented."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ofs.cli.main import root
from ofs.errors import ExitCode
from tests.unit.cli.scene import GROUPS, Scene, build
from topologies.card_payments.generator import STREAM

GROUP = ":".join(GROUPS[0])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log as an archive, and the decisions of a live plane, all to match."""
    return build(tmp_path_factory.mktemp("scene"))


def ofs(*arguments: str | Path) -> Result:
    """A command line in this process."""
    return CliRunner().invoke(root, [str(argument) for argument in arguments])


def check_error(result: Result, code: ExitCode, *said: str) -> None:
    """Expect this exit code, nothing on stdout, and one line on stderr that says all of this."""
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("ofs: error: ")
    assert result.stderr.count("\n") == 1
    assert [part for part in said if part not in result.stderr] == []


def last_of_an_account(scene: Scene) -> tuple[dict[str, Any], str]:
    """The last decision with an account among its keys, and that account."""
    return next(
        (record, key["key_id"])
        for record in reversed(scene.records())
        for key in record["feature_keys"]
        if key["key_type"] == "account_id"
    )


def asked(scene: Scene, **changed: str | None) -> list[str]:
    """A question for `ofs snapshot`, with options changed, or left out where None."""
    record, account = last_of_an_account(scene)
    options: dict[str, str | None] = {
        "--events": scene.events,
        "--features": str(scene.registry),
        "--stream": STREAM,
        "--key": f"account_id:{account}",
        "--group": GROUP,
        "--pins": str(scene.pins),
        "--as-of": record["as_of_spec"]["as_of_time_utc"],
        "--cut": json.dumps({str(entry["partition"]): entry["next_offset"] for entry in record["basis"]}),
    } | changed
    return [
        "snapshot",
        *(part for name, value in options.items() if value is not None for part in (name, value)),
    ]


def spoiled(record: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A decision with other members."""
    return {**record, **changed}


def test_a_batch_that_matches_ends_with_0(scene: Scene, tmp_path: Path) -> None:
    """All decisions of the live plane match; the summary counts them, and the outputs are there."""
    done = ofs(*scene.replay_arguments(tmp_path / "out"))
    assert (done.exit_code, done.stderr) == (ExitCode.ALL_MATCH, "")
    count = len(scene.records())
    assert [line.split() for line in done.stdout.splitlines()[:4]] == [
        ["decisions", str(count)],
        ["MATCH", str(count)],
        ["MISMATCH", "0"],
        ["UNCHECKABLE", "0"],
    ]
    parity = (tmp_path / "out" / "parity.jsonl").read_bytes()
    assert hashlib.sha256(parity).hexdigest() in done.stdout
    assert str(tmp_path / "out") in done.stdout


def test_both_engines_give_the_same_bytes(scene: Scene, tmp_path: Path) -> None:
    """The reference engine writes the parity and snapshots that the default engine writes."""
    for engine in ("auto", "reference"):
        done = ofs(*scene.replay_arguments(tmp_path / engine), "--engine", engine, "--batch-size", "7")
        assert done.exit_code == ExitCode.ALL_MATCH, done.stderr
    for name in ("parity.jsonl", "snapshots.jsonl"):
        assert (tmp_path / "auto" / name).read_bytes() == (tmp_path / "reference" / name).read_bytes()


def test_each_verdict_has_its_exit_code(scene: Scene, tmp_path: Path) -> None:
    """Any MISMATCH is 1; without one, an UNCHECKABLE decision or a dead letter is 3."""
    first, second, third = scene.records()[-3:]
    mismatch = spoiled(second, online_snapshot_hash="0" * 64)
    uncheckable = spoiled(third, basis=None)
    batches: dict[str, tuple[list[Any], ExitCode, tuple[int, int, int], int]] = {
        "mismatch": ([first, mismatch, uncheckable, "no json"], ExitCode.MISMATCH, (1, 1, 1), 1),
        "uncheckable": ([first, uncheckable], ExitCode.INCOMPLETE, (1, 0, 1), 0),
        "dead": ([first, "no json"], ExitCode.INCOMPLETE, (1, 0, 0), 1),
        "match": ([first, second, first], ExitCode.ALL_MATCH, (2, 0, 0), 0),
    }
    for name, (decisions, code, results, dead) in batches.items():
        path = scene.with_decisions(f"{name}.ndjson", decisions)
        done = ofs(*scene.replay_arguments(tmp_path / name, path), "--json")
        summary = json.loads(done.stdout)
        assert (done.exit_code, summary["exit_code"], done.stderr) == (code, code, "")
        assert tuple(summary["results"].values()) == results
        assert summary["dead_letters"] == dead


def test_a_finished_run_is_verified_and_keeps_its_exit_code(scene: Scene, tmp_path: Path) -> None:
    """The same request into a finished folder changes nothing and says what the run had found."""
    first, second = scene.records()[-2:]
    path = scene.with_decisions("again.ndjson", [first, spoiled(second, online_snapshot_hash="0" * 64)])
    arguments = (*scene.replay_arguments(tmp_path / "out", path), "--json")
    before = json.loads(ofs(*arguments).stdout)
    written = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    done = ofs(*arguments)
    after = json.loads(done.stdout)
    assert done.exit_code == ExitCode.MISMATCH
    assert (before["verified_only"], after["verified_only"]) == (False, True)
    for member in ("replay_id", "results", "reasons", "parity_digest", "certificate_digest"):
        assert after[member] == before[member]
    assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()} == written


def test_another_request_into_a_finished_folder_is_refused(scene: Scene, tmp_path: Path) -> None:
    """Outputs of another request are left alone."""
    assert ofs(*scene.replay_arguments(tmp_path / "out")).exit_code == ExitCode.ALL_MATCH
    again = ofs(*scene.replay_arguments(tmp_path / "out"), "--snapshots", "none")
    check_error(again, ExitCode.USAGE, "holds the outputs of run", "choose another --out")


def test_a_basis_restricts_what_is_read(scene: Scene, tmp_path: Path) -> None:
    """Offsets and times both restrict the log, and decisions beyond them are UNCHECKABLE."""
    ranges = tmp_path / "basis.json"
    ranges.write_text(json.dumps({STREAM: {"0": [0, 5], "1": [0, 5], "2": [0, 5]}}), encoding="utf-8")
    times = ("--from", "2026-01-05T00:00:00Z", "--to", "2026-01-05T00:05:00Z", "--stream", STREAM)
    for number, basis in enumerate((("--basis", f"@{ranges}"), times)):
        done = ofs(*scene.replay_arguments(tmp_path / f"out{number}"), *basis, "--json")
        summary = json.loads(done.stdout)
        assert done.exit_code == ExitCode.INCOMPLETE
        assert list(summary["reasons"]) == ["BASIS_BEYOND_LOG_END"]
        assert 0 < summary["results"]["MATCH"] < len(scene.records())


def test_a_snapshot_is_the_one_of_the_live_plane(scene: Scene, tmp_path: Path) -> None:
    """A decision's snapshot, asked for by file, carries the hash that the live plane recorded."""
    record = scene.records()[-1]
    path = tmp_path / "decision.json"
    path.write_text(json.dumps(record, indent=2), encoding="utf-8")
    done = ofs("snapshot", "--events", scene.events, "--features", scene.registry, "--decision", path)
    assert (done.exit_code, done.stderr) == (0, "")
    rebuilt = json.loads(done.stdout)
    assert rebuilt["snapshot_hash"] == record["online_snapshot_hash"]
    assert rebuilt["provenance"]["decision_id"] == record["decision_id"]


def test_a_snapshot_is_asked_for_by_its_parts(scene: Scene) -> None:
    """Key, group, pins, as-of and cut give the features that the live plane served then, as canonical JSON."""
    record, _ = last_of_an_account(scene)
    done = ofs(*asked(scene))
    assert (done.exit_code, done.stderr) == (0, "")
    rebuilt = json.loads(done.stdout)
    ((key, groups),) = rebuilt["features"].items()
    assert groups[GROUPS[0][0]] == record["online_features"][key][GROUPS[0][0]]
    assert "decision_id" not in rebuilt["provenance"]
    assert list(rebuilt) == sorted(rebuilt)
    assert " " not in done.stdout.split('"context_pins"')[0]


def test_a_snapshot_at_a_time_of_the_log_names_the_offsets(scene: Scene) -> None:
    """--at-time is resolved to a cut that the answer holds, and asking at that cut gives the same hash."""
    at_time = ofs(*asked(scene, **{"--cut": None, "--at-time": "2026-01-05T01:00:00Z"}))
    rebuilt = json.loads(at_time.stdout)
    cut = {str(entry["partition"]): entry["next_offset"] for entry in rebuilt["basis"]}
    assert sum(cut.values()) > 0
    at_cut = json.loads(ofs(*asked(scene, **{"--cut": json.dumps(cut)})).stdout)
    assert at_cut["snapshot_hash"] == rebuilt["snapshot_hash"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--cut": None}, "one of --cut and --at-time"),
        ({"--at-time": "2026-01-05T01:00:00Z"}, "one of --cut and --at-time"),
        ({"--key": None, "--pins": None}, "missing --key, --pins"),
        ({"--as-of": None}, "missing --as-of"),
        ({"--as-of": "yesterday"}, "'yesterday' is not a time"),
        ({"--cut": "{"}, "'--cut': not JSON"),
        ({"--cut": '{"0": -1}'}, 'found {"0": -1}; expected {"PARTITION": NEXT_OFFSET'),
        ({"--key": "A1"}, "'A1' is not TYPE:ID, as in account_id:A1"),
        ({"--group": "account_velocity"}, "is not NAME:VERSION"),
        ({"--group": "unheard_of:latest"}, "no such group"),
        ({"--decision": "d.json"}, "leave out --stream, --key, --group, --pins, --as-of, --cut"),
        ({"--basis": "wall_clock"}, "'wall_clock' is not one of"),
        ({"--events": "nowhere"}, "write archive:DIR or kafka://HOST:PORT"),
    ],
)
def test_a_question_that_cannot_be_meant_is_exit_code_2(
    scene: Scene, changed: dict[str, str | None], said: str
) -> None:
    """What is wrong with a question is said in one line."""
    check_error(ofs(*asked(scene, **changed)), ExitCode.USAGE, said)


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        ("{}", "manifest_fingerprint"),
        ('{"run_id": 5}', "manifest_fingerprint"),
        ("[]", "expected ContextPins as one JSON object"),
        ("{", "not JSON"),
        (None, "No such file"),
    ],
)
def test_malformed_pins_are_exit_code_2(scene: Scene, tmp_path: Path, pins: str | None, said: str) -> None:
    """A pins file that is missing or malformed is named with what is wrong in it."""
    path = tmp_path / "pins.json"
    if pins is not None:
        path.write_text(pins, encoding="utf-8")
    check_error(ofs(*asked(scene, **{"--pins": str(path)})), ExitCode.USAGE, str(path), said)


def test_a_pin_of_the_wrong_form_is_named(scene: Scene, tmp_path: Path) -> None:
    """The member and what was found stand in the line."""
    pins = json.loads(scene.pins.read_text("utf-8")) | {"run_id": "xyz"}
    path = tmp_path / "pins.json"
    path.write_text(json.dumps(pins), encoding="utf-8")
    check_error(ofs(*asked(scene, **{"--pins": str(path)})), ExitCode.USAGE, "run_id", 'found "xyz"')


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"--group": "account_velocity:v9"}, "DEFINITION_MISSING"),
        ({"--cut": '{"0": 1, "1": 1}'}, "BASIS_INCOMPLETE"),
        ({"--cut": '{"0": 1, "1": 1, "2": 1, "3": 1}'}, "BASIS_BEYOND_LOG_END"),
        ({"--cut": '{"0": 1, "1": 1, "2": 99999}'}, "BASIS_BEYOND_LOG_END"),
        ({"--stream": "unheard.of"}, "unheard.of"),
    ],
)
def test_a_snapshot_that_cannot_be_established_is_exit_code_3(
    scene: Scene, changed: dict[str, str | None], reason: str
) -> None:
    """The reason stands in the message; no half-result is printed."""
    check_error(ofs(*asked(scene, **changed)), ExitCode.INCOMPLETE, reason)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (["--sink", "kafka://h:1"], "give one of --out DIR and --sink"),
        (["--create-topics"], "--create-topics goes with --sink"),
        (["--from", "2026-01-05T00:00:00Z"], "--from, --to and --stream go together"),
        (["--stream", "s"], "--from, --to and --stream go together"),
        (["--workers", "0"], "0 is not in the range"),
        (["--max-clock-skew", "5"], "'5' is not a duration"),
        (["--snapshots", "some"], "'some' is not one of 'all', 'mismatch', 'none'"),
        (["--basis", '{"s": 1}'], 'found {"s": 1}; expected {"STREAM"'),
        (["--wrokers", "2"], "no such option: --wrokers; hint: did you mean --workers?"),
    ],
)
def test_a_replay_that_cannot_be_meant_is_exit_code_2(
    scene: Scene, tmp_path: Path, added: list[str], said: str
) -> None:
    """What is wrong with the options is said in one line, and nothing is written."""
    check_error(ofs(*scene.replay_arguments(tmp_path / "out"), *added), ExitCode.USAGE, said)
    assert not (tmp_path / "out").exists()


def test_a_replay_names_what_it_cannot_read(scene: Scene, tmp_path: Path) -> None:
    """A missing archive, decision file or registry is one line with its exit code, and nothing is written."""
    common = ("replay", "--out", tmp_path / "out")
    nowhere = tmp_path / "nowhere"
    decisions, features = ("--decisions", scene.decisions), ("--features", scene.registry)
    events = ("--events", scene.events)
    cases: list[tuple[tuple[str | Path, ...], ExitCode]] = [
        (("--events", f"archive:{nowhere}", *decisions, *features), ExitCode.UNREACHABLE),
        ((*events, "--decisions", nowhere, *features), ExitCode.UNREACHABLE),
        ((*events, *decisions, "--features", nowhere), ExitCode.USAGE),
    ]
    for arguments, code in cases:
        check_error(ofs(*common, *arguments), code, "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_exit_code_4(scene: Scene, tmp_path: Path) -> None:
    """An output below a file cannot be made; it is named, and nothing is left."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    check_error(ofs(*scene.replay_arguments(tmp_path / "file" / "out")), ExitCode.UNREACHABLE, "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def registry(scene: Scene, tmp_path: Path) -> Path:
    """A copy of the registry, to be spoiled."""
    return Path(shutil.copytree(scene.registry, tmp_path / "registry"))


def test_definitions_that_are_invalid_stop_a_replay(scene: Scene, registry: Path, tmp_path: Path) -> None:
    """A published definition that was changed is named with its file, and nothing is written."""
    file = registry / "account_velocity" / "v1.yaml"
    file.write_text(file.read_text("utf-8").replace("op: count,", "op: cuont,", 1), encoding="utf-8")
    arguments = ("--events", scene.events, "--decisions", scene.decisions, "--features", registry)
    failed = ofs("replay", *arguments, "--out", tmp_path / "out")
    check_error(failed, ExitCode.USAGE, "account_velocity/v1.yaml")
    assert not (tmp_path / "out").exists()


def test_features_check_says_how_each_file_stands(registry: Path) -> None:
    """Good files are listed with their status; a broken one is named with line and field, and ends with 2."""
    good = ofs("features", "check", registry)
    assert (good.exit_code, good.stderr) == (0, "")
    assert good.stdout.startswith("account_velocity/v1.yaml   locked  ")
    new = (registry / "account_velocity" / "v1.yaml").read_text("utf-8").replace("version: v1", "version: v3")
    (registry / "account_velocity" / "v3.yaml").write_text(new, encoding="utf-8")
    pending = ofs("features", "check", registry)
    assert pending.exit_code == 0
    assert "1 not locked" in pending.stderr
    (registry / "account_velocity" / "v3.yaml").write_text(f"{new}more: 1\n", encoding="utf-8")
    broken = ofs("features", "check", registry)
    assert broken.exit_code == ExitCode.USAGE
    assert ["account_velocity/v3.yaml", "invalid"] in [line.split() for line in broken.stdout.splitlines()]
    assert "account_velocity/v3.yaml:" in broken.stderr
    report = json.loads(ofs("features", "check", registry, "--json").stdout)
    assert (report["ok"], [file["status"] for file in report["files"]].count("invalid")) == (False, 1)


def test_features_lock_publishes_once(registry: Path) -> None:
    """A new version is published with its digest; a second time nothing is new."""
    text = (registry / "card_usage" / "v1.yaml").read_text("utf-8").replace("version: v1", "version: v2")
    (registry / "card_usage" / "v2.yaml").write_text(text, encoding="utf-8")
    first = ofs("features", "lock", registry, "--json")
    (published,) = json.loads(first.stdout)["published"]
    assert (published["name"], published["version"], len(published["digest"])) == ("card_usage", "v2", 64)
    again = ofs("features", "lock", registry)
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "ofs: nothing new to publish\n")


def test_features_show_finds_what_is_asked_for(registry: Path) -> None:
    """All definitions, those of a group, or one version; one that is not there is exit code 2."""
    every = json.loads(ofs("features", "show", registry, "--json").stdout)["definitions"]
    assert [f"{item['name']}:{item['version']}" for item in every][:2] == [
        "account_velocity:v1",
        "account_velocity:v2",
    ]
    group = json.loads(ofs("features", "show", registry, "account_velocity", "--json").stdout)["definitions"]
    assert group == every[:2]
    one = ofs("features", "show", registry, "account_velocity:v2")
    assert one.stdout.startswith("account_velocity v2  locked\n")
    check_error(
        ofs("features", "show", registry, "unheard_of"), ExitCode.USAGE, "no definition of unheard_of"
    )


def test_contracts_export_is_checked_against_the_models(tmp_path: Path) -> None:
    """The schema is written whole; a file that is missing or another one is found by --check."""
    arguments = ("contracts", "export", "--out", tmp_path / "schemas")
    assert ofs(*arguments, "--check").exit_code == ExitCode.MISMATCH
    written = ofs(*arguments)
    path = Path(written.stdout.strip())
    assert "DecisionRecord" in json.loads(path.read_text("utf-8"))["$defs"]
    assert ofs(*arguments, "--check").exit_code == 0
    path.write_text("{}", encoding="utf-8")
    changed = ofs(*arguments, "--check")
    assert (changed.exit_code, changed.stdout) == (ExitCode.MISMATCH, "")
    assert "is not what the models say" in changed.stderr
    assert path.read_text("utf-8") == "{}"


def test_an_archive_is_imported_exported_and_verified(scene: Scene, tmp_path: Path) -> None:
    """Import from gzip, export of that archive, and verify agree on every content root; damage is exit code 4."""
    imported = ofs("archive", "import", scene.log, "--stream", "s", "--out", tmp_path / "a", "--json")
    exported = ofs(
        *("archive", "export", "--events", f"archive:{tmp_path / 'a'}", "--stream", "s"),
        *("--out", tmp_path / "b", "--json"),
    )
    verified = ofs("archive", "verify", tmp_path / "b", "--json")
    assert [result.exit_code for result in (imported, exported, verified)] == [0, 0, 0], exported.stderr
    (stream,) = json.loads(verified.stdout)["streams"]
    roots = [part["content_root"] for part in stream["partitions"]]
    for result in (imported, exported):
        assert [part["content_root"] for part in json.loads(result.stdout)["partitions"]] == roots
    assert ofs("archive", "verify", tmp_path / "b").stdout.endswith("sound: every digest is as recorded\n")
    next((tmp_path / "b").rglob("*.parquet")).unlink()
    damaged = ofs("archive", "verify", tmp_path / "b")
    assert damaged.exit_code == ExitCode.UNREACHABLE
    assert ".parquet: missing" in damaged.stderr
    assert not json.loads(ofs("archive", "verify", tmp_path / "b", "--json").stdout)["sound"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "line 1"),
        ('{"partition": 0, "offset": -1, "timestamp_us": 1, "value": null}', "line 1"),
        ('{"partition": 0, "offset": 1, "timestamp_us": 1, "value": 5}', "line 1: value: found 5"),
    ],
)
def test_a_log_line_that_is_wrong_is_named(tmp_path: Path, line: str, said: str) -> None:
    """The number of the line and what is wrong with it; no archive is left."""
    (tmp_path / "log.ndjson").write_text(f"{line}\n", encoding="utf-8")
    done = ofs("archive", "import", tmp_path / "log.ndjson", "--stream", "s", "--out", tmp_path / "a")
    check_error(done, ExitCode.USAGE, said)
    assert list((tmp_path / "a").glob("*")) == []


def test_a_log_file_that_is_missing_or_torn_is_exit_code_4(scene: Scene, tmp_path: Path) -> None:
    """What cannot be read is named."""
    (tmp_path / "torn.gz").write_bytes(scene.log.read_bytes()[:200])
    for name in ("nowhere", "torn.gz"):
        done = ofs("archive", "import", tmp_path / name, "--stream", "s", "--out", tmp_path / "a")
        check_error(done, ExitCode.UNREACHABLE, name)


def test_an_unknown_command_is_exit_code_2() -> None:
    """A name that is no command is named; no name at all shows the help on stderr."""
    check_error(ofs("replya"), ExitCode.USAGE, "no such command 'replya'")
    nothing = ofs()
    assert (nothing.exit_code, nothing.stdout) == (ExitCode.USAGE, "")
    assert nothing.stderr.startswith("Usage: ofs")
