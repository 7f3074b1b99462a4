"""The command line on a real broker: data on stdout, messages on stderr, exit codes that can be relied on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ofs.errors import ExitCode
from tests.integration.broker import Broker
from tests.integration.scenario import PINS, Auth, decision, registry, write_decisions, written
from tests.integration.topics import Topics

TEN = [Auth(second=60 * number, amount="2.00") for number in range(10)]
LIMIT_S = 60


def _ofs(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "ofs"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL
    )


def test_replay_export_and_verify_work_from_the_command_line(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """A topic is exported, its archive verified, and a batch replayed from both with exit code 0."""
    topic, features = name(), registry(tmp_path / "features")
    topics.create(topic)
    topics.write(topic, written(TEN))
    asked = decision("d1", stream=topic, applied=TEN, cut={0: 10}, as_of_s=3_600, registry_dir=features)
    decisions = write_decisions(tmp_path / "decisions.ndjson", [asked])
    archive = tmp_path / "archive"
    exported = _ofs(
        "archive", "export", "--events", f"kafka://{bootstrap}", "--stream", topic, "--out", str(archive)
    )
    assert exported.returncode == 0, exported.stderr
    assert _ofs("archive", "verify", str(archive)).returncode == 0
    common = ("--decisions", str(decisions), "--features", str(features), "--json")
    for number, events in enumerate((f"kafka://{bootstrap}", f"archive:{archive}")):
        done = _ofs("replay", "--events", events, *common, "--out", str(tmp_path / f"out{number}"))
        assert done.returncode == ExitCode.ALL_MATCH, done.stderr
        assert json.loads(done.stdout)["results"]["MATCH"] == 1


def test_one_snapshot_is_rebuilt_from_a_topic(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """One snapshot at a cut comes as JSON on stdout, with the values that add up."""
    topic, features = name(), registry(tmp_path / "features")
    topics.create(topic)
    topics.write(topic, written(TEN))
    pins = tmp_path / "pins.json"
    pins.write_text(json.dumps(PINS), encoding="utf-8")
    done = _ofs(
        *("snapshot", "--events", f"kafka://{bootstrap}", "--features", str(features), "--stream", topic),
        *("--key", "card_id:c1", "--group", "card_activity:v1", "--pins", str(pins)),
        *("--as-of", "2024-05-01T01:00:00Z", "--cut", '{"0": 7}'),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["features"] == {
        "card_id:c1": {"card_activity": {"auths_1h": 7, "amount_total": "14.00"}}
    }


def test_a_broker_that_is_down_is_one_line_and_exit_code_4(second_broker: Broker, tmp_path: Path) -> None:
    """No stack trace, nothing on stdout, nothing written; with --json the error is an ErrorResponse."""
    features = registry(tmp_path / "features")
    asked = decision("d1", stream="cards", applied=TEN, cut={0: 10}, as_of_s=3_600, registry_dir=features)
    decisions = write_decisions(tmp_path / "decisions.ndjson", [asked])
    second_broker.stop()
    arguments = (
        *("replay", "--events", f"kafka://{second_broker.bootstrap}", "--decisions", str(decisions)),
        *("--features", str(features), "--out", str(tmp_path / "out")),
    )
    plain = _ofs(*arguments)
    assert plain.returncode == ExitCode.UNREACHABLE
    assert plain.stdout == ""
    assert "Traceback" not in plain.stderr
    assert [second_broker.bootstrap in line for line in plain.stderr.splitlines()] == [True]
    assert not (tmp_path / "out").exists()
    answered = _ofs(*arguments, "--json")
    assert answered.returncode == ExitCode.UNREACHABLE
    error = json.loads(answered.stdout or answered.stderr)
    assert (error["error"], error["exit_code"]) == ("SOURCE_UNREACHABLE", 4)
