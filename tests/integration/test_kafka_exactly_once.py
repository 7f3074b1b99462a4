"""A run's outputs in Kafka are there once each, in order, byte for byte, however often it is killed and launched."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from ofs.errors import ExitCode, SinkError
from ofs.ports import OutputRecords
from ofs.sinks import kafka
from ofs.sinks.kafka import KafkaSink
from tests.fault.kill import (
    Kills,
    Launch,
    ProgressWatch,
    committed,
    kill_until_done,
    kill_writing_a_folder,
    partial_folders,
)
from tests.fault.outputs import DEAD_LETTERS, FILES, PARITY, RUNS, SNAPSHOTS, Requests
from tests.integration.broker import Broker
from tests.integration.topics import Topics, Written

KILLS = int(os.environ.get("OFS_KILLS", "20"))
SEED = int(os.environ.get("OFS_KILL_SEED", "1"))
FOLDER_KILLS = max(5, KILLS // 10)
RUN = "ab" * 32
TEN = [(f"d{number}", b'{"n":%d}' % number) for number in range(10)]


@pytest.fixture
def bootstrap_own(own_broker: Broker, own_topics: Topics) -> str:
    """A broker whose output topics are created and empty."""
    for topic in (*FILES, RUNS):
        own_topics.create(topic)
    return own_broker.bootstrap


@pytest.fixture
def requests(bootstrap_own: str, own_topics: Topics, tmp_path: Path) -> Requests:
    """Requests over a topic of 600 events."""
    made = Requests(bootstrap_own, own_topics, "cards", tmp_path)
    made.write_events()
    return made


def _begun(bootstrap: str, replay_id: str = RUN) -> KafkaSink:
    sink = KafkaSink(bootstrap)
    assert sink.begin(replay_id)
    return sink


def _put(sink: KafkaSink, records: list[tuple[str, bytes]], *, size: int) -> None:
    """Put the records as parity in chunks of this size."""
    for first in range(0, len(records), size):
        sink.put_parity(OutputRecords.of(records[first : first + size]))
        sink.end_chunk()
    sink.settle()


def _values(bootstrap: str, topic: str) -> list[bytes]:
    return [message.value() or b"" for message in committed(bootstrap, topic)]


def _keys(bootstrap: str, topic: str) -> list[str]:
    return [(message.key() or b"").decode().removeprefix(RUN) for message in committed(bootstrap, topic)]


def _progress(bootstrap: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_values(bootstrap, RUNS)[-1])
    return found


def test_a_chunk_and_its_progress_become_visible_together(bootstrap_own: str) -> None:
    """Nothing of a chunk is read before its end; then all of it is, with how many records of each output there are."""
    sink = _begun(bootstrap_own)
    sink.put_parity(OutputRecords.of(TEN[:4]))
    sink.put_snapshots(OutputRecords.of(TEN[:2]))
    sink.put_dead_letters(OutputRecords.of(TEN[:1]))
    assert [_values(bootstrap_own, topic) for topic in (*FILES, RUNS)] == [[]] * 4
    sink.end_chunk()
    sink.settle()
    assert [len(_values(bootstrap_own, topic)) for topic in (PARITY, SNAPSHOTS, DEAD_LETTERS, RUNS)] == [
        4,
        2,
        1,
        1,
    ]
    counts = {name: output["records"] for name, output in _progress(bootstrap_own)["outputs"].items()}
    assert counts == {PARITY: 4, SNAPSHOTS: 2, DEAD_LETTERS: 1}
    sink.put_parity(OutputRecords.of(TEN[4:]))
    sink.abort()
    assert len(_values(bootstrap_own, PARITY)) == 4


@pytest.mark.parametrize("size", [1, 3, 10])
def test_a_next_launch_writes_only_what_is_missing(bootstrap_own: str, size: int) -> None:
    """Records that are committed are not written again, whatever the next launch's chunks; the run ends once."""
    first = _begun(bootstrap_own)
    _put(first, TEN[:4], size=4)
    first.put_parity(OutputRecords.of(TEN[4:8]))
    first.abort()
    second = _begun(bootstrap_own)
    _put(second, TEN, size=size)
    second.commit({"schema_version": "ofs.run/v0"}, {})
    assert _values(bootstrap_own, PARITY) == [line for _, line in TEN]
    assert _keys(bootstrap_own, RUNS)[-2:] == ["/certificate", ""]
    third = KafkaSink(bootstrap_own)
    assert not third.begin(RUN)
    assert third.finished_run()["outputs"] == json.loads(_values(bootstrap_own, RUNS)[-1])["outputs"]


def test_other_runs_have_a_progress_of_their_own(bootstrap_own: str) -> None:
    """What one run committed is not taken for that of another one over the same topics."""
    _put(_begun(bootstrap_own), TEN[:4], size=4)
    other = _begun(bootstrap_own, "cd" * 32)
    _put(other, TEN, size=10)
    other.commit({}, {})
    assert _values(bootstrap_own, PARITY) == [line for _, line in TEN[:4] + TEN]


def test_outputs_that_are_not_those_committed_are_refused(bootstrap_own: str) -> None:
    """A launch that computes other bytes, or fewer records, than an earlier one committed ends without a run record."""
    _put(_begun(bootstrap_own), TEN[:4], size=4)
    other = _begun(bootstrap_own)
    with pytest.raises(
        SinkError, match=r"ofs\.parity\.v1: an earlier launch of this run committed 4 records"
    ):
        _put(other, [("d0", b"{}"), *TEN[1:]], size=2)
    other.abort()
    fewer = _begun(bootstrap_own)
    _put(fewer, TEN[:3], size=3)
    with pytest.raises(SinkError, match="4 records, now there are 3"):
        fewer.commit({}, {})
    fewer.abort()
    assert _keys(bootstrap_own, RUNS) == ["/progress"]


def test_an_output_topic_created_anew_is_written_whole(bootstrap_own: str, own_topics: Topics) -> None:
    """What was committed to a topic that is gone is not taken to be in its successor."""
    _put(_begun(bootstrap_own), TEN[:4], size=2)
    own_topics.recreate(PARITY)
    second = _begun(bootstrap_own)
    _put(second, TEN[:5], size=5)
    second.abort()
    third = _begun(bootstrap_own)
    _put(third, TEN, size=10)
    assert _values(bootstrap_own, PARITY) == [line for _, line in TEN]


def test_a_second_launch_fences_the_first_and_finishes(bootstrap_own: str) -> None:
    """The launch that came first can commit nothing more and says why; the second one's outputs are whole."""
    first = _begun(bootstrap_own)
    _put(first, TEN[:4], size=2)
    second = _begun(bootstrap_own)
    first.put_parity(OutputRecords.of(TEN[4:6]))
    first.end_chunk()
    with pytest.raises(SinkError, match="another launch of this run has taken over"):
        first.settle()
    first.abort()
    _put(second, TEN, size=3)
    second.commit({}, {})
    assert _values(bootstrap_own, PARITY) == [line for _, line in TEN]


def test_progress_behind_an_open_transaction_is_waited_for(bootstrap_own: str, own_topics: Topics) -> None:
    """A transaction that someone else left open in the topic of runs hides no progress from the next launch."""
    first = _begun(bootstrap_own)
    foreign = own_topics.open_transaction(RUNS, [Written(b"{}", key=b"x")], transactional_id="foreign")
    _put(first, TEN[:4], size=2)
    with ThreadPoolExecutor(1) as other:
        beginning = other.submit(_begun, bootstrap_own)
        with pytest.raises(TimeoutError):
            beginning.result(3)
        foreign.commit_transaction(30)
        second = beginning.result(30)
    _put(second, TEN, size=10)
    assert _values(bootstrap_own, PARITY) == [line for _, line in TEN]


def test_a_chunk_too_large_for_one_transaction_is_several(
    bootstrap_own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk beyond the limit is committed in pieces, each with its progress, and resumed between them."""
    monkeypatch.setattr(kafka, "_TRANSACTION_BYTES", 100)
    monkeypatch.setattr(kafka, "_PIECE_BYTES", 0)
    monkeypatch.setattr(kafka, "_PIECE_RECORDS", 4)
    many = [(f"d{number}", b"%032d" % number) for number in range(22)]
    first = _begun(bootstrap_own)
    first.put_parity(OutputRecords.of(many))
    first.abort()
    assert len(_values(bootstrap_own, PARITY)) == 20
    assert _progress(bootstrap_own)["number"] == 5
    second = _begun(bootstrap_own)
    _put(second, many, size=22)
    assert _values(bootstrap_own, PARITY) == [line for _, line in many]


def test_a_record_that_no_broker_takes_is_one_error(bootstrap_own: str, own_topics: Topics) -> None:
    """A record over the topic's limit ends the run with the reason, and nothing of its chunk is there."""
    own_topics.configure(PARITY, max_message_bytes="1000")
    sink = _begun(bootstrap_own)
    sink.put_snapshots(OutputRecords.of(TEN))
    sink.put_parity(OutputRecords.of([("d0", os.urandom(1_000).hex().encode())]))
    sink.end_chunk()
    with pytest.raises(SinkError, match=r"not delivered: .*(size|large)"):
        sink.settle()
    sink.abort()
    assert [_values(bootstrap_own, topic) for topic in (*FILES, RUNS)] == [[]] * 4


@pytest.mark.slow
def test_killed_runs_leave_every_output_once(requests: Requests, bootstrap_own: str, tmp_path: Path) -> None:
    """Runs killed at drawn moments, every other with checkpoints, leave exactly what undisturbed ones write."""
    draw = Random(SEED)
    met, names = Kills(), list[str]()
    while met.killed < KILLS:
        names.append(f"life{len(names)}")
        state = ("--state", str(tmp_path / f"state-{names[-1]}"), "--checkpoint-every", "50")
        met.add(
            kill_until_done(
                requests.to_kafka(names[-1], *(state if len(names) % 2 else ())),
                draw,
                KILLS - met.killed,
                lambda: ProgressWatch(bootstrap_own, RUNS),
            )
        )
    print(met, f"seed {SEED}")
    assert requests.compare(names) == []
    assert set(met.exit_codes) == {ExitCode.MISMATCH}
    assert met.while_writing >= KILLS // 3, f"too few kills met a run that was writing: {met}"


@pytest.mark.slow
def test_killed_runs_leave_a_folder_whole_or_not_at_all(requests: Requests, tmp_path: Path) -> None:
    """A folder whose run was killed is not there; after the next run it is, equal, and nothing partial beside it."""
    draw, out = Random(SEED), tmp_path / "killed" / "out"
    expected = requests.undisturbed("one")
    started = monotonic()
    assert Launch(requests.arguments("one", "--out", str(tmp_path / "timed"))).end()[0] == ExitCode.MISMATCH
    arguments = requests.arguments("one", "--out", str(out))
    out.parent.mkdir()
    met = kill_writing_a_folder(arguments, out, draw, FOLDER_KILLS, (monotonic() - started) / 2)
    print(met, f"seed {SEED}")
    assert set(met.exit_codes) == {ExitCode.MISMATCH}
    assert met.while_writing >= FOLDER_KILLS // 3
    assert partial_folders(out) == []
    for file in (*FILES.values(), "certificate.json"):
        assert (out / file).read_bytes() == (expected / file).read_bytes()


def test_two_processes_of_one_run_leave_its_outputs_once(requests: Requests, bootstrap_own: str) -> None:
    """A process that stood still while another one finished its run ends with one line and exit code 4."""
    arguments = requests.to_kafka("both")
    watch = ProgressWatch(bootstrap_own, RUNS)
    first = Launch(arguments)
    assert watch.await_records(3, first) >= 3
    first.process.send_signal(signal.SIGSTOP)
    watch.close()
    assert Launch(arguments).end()[0] == ExitCode.MISMATCH
    first.process.send_signal(signal.SIGCONT)
    code, errors = first.end()
    assert (code, len(errors.splitlines())) == (ExitCode.UNREACHABLE, 1)
    assert "another launch of this run has taken over" in errors
    assert requests.compare(["both"]) == []
