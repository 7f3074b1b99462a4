"""What a real broker does to a run: it goes away and comes back, loses records, and gives a topic's name to another."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import ofs
from ofs import kafka_client
from ofs.errors import ExitCode, SinkError, SourceError
from ofs.ports import OutputRecords
from ofs.sinks.kafka import KafkaSink
from ofs.sources.archive import export
from ofs.sources.kafka import KafkaLog
from ofs.units import OffsetRange
from tests.fault.kill import Launch, ProgressWatch, committed
from tests.fault.outputs import EVENTS, FILES, PARITY, RUNS, Requests
from tests.integration.broker import Broker
from tests.integration.scenario import Auth, decision, registry, verdicts, write_decisions, written
from tests.integration.topics import Topics, Written

TEN = [Auth(second=60 * number) for number in range(10)]
LINES = [(f"d{number}", b'{"n":%d}' % number) for number in range(10)]
RUN = "ef" * 32
# together more than a consumer fetches ahead
_LARGE, _MANY = bytes(900_000), 130


@pytest.fixture
def requests(own_broker: Broker, own_topics: Topics, tmp_path: Path) -> Requests:
    """Requests over a topic of 600 events, with empty output topics."""
    for topic in (*FILES, RUNS):
        own_topics.create(topic)
    made = Requests(own_broker.bootstrap, own_topics, "cards", tmp_path)
    made.write_events()
    return made


def _stopped_while_writing(requests: Requests, arguments: list[str]) -> Launch:
    """A launch that stands still after some transactions."""
    watch = ProgressWatch(requests.bootstrap, RUNS)
    launch = Launch(arguments)
    try:
        assert watch.await_records(3, launch) >= 3
        launch.process.send_signal(signal.SIGSTOP)
    finally:
        watch.close()
    return launch


def _go_on(launch: Launch) -> tuple[int, str]:
    launch.process.send_signal(signal.SIGCONT)
    return launch.end()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stop", "crash"])
def test_a_broker_that_goes_away_and_comes_back_costs_no_output(
    requests: Requests, own_broker: Broker, way: str
) -> None:
    """Stopped or crashed during a run: the run goes on, or the next launch does; each output is there once, equal."""
    arguments = requests.to_kafka(way)
    watch = ProgressWatch(requests.bootstrap, RUNS)
    launch = Launch(arguments)
    assert watch.await_records(3, launch) >= 3
    watch.close()
    getattr(own_broker, way)()
    own_broker.start_again()
    code, errors = launch.end()
    if code == ExitCode.UNREACHABLE:
        assert len(errors.splitlines()) == 1
        code, errors = Launch(arguments).end()
    assert (code, errors) == (ExitCode.MISMATCH, "")
    assert requests.compare([way]) == []


def test_a_broker_that_stays_away_ends_the_run_and_the_next_one_goes_on(
    requests: Requests, own_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction whose end nobody acknowledges is one error; whether it was committed, the next launch finds out."""
    sink = KafkaSink(requests.bootstrap)
    assert sink.begin(RUN)
    sink.put_parity(OutputRecords.of(LINES[:5]))
    sink.end_chunk()
    sink.settle()
    own_broker.stop()
    sink.put_parity(OutputRecords.of(LINES[5:]))
    with monkeypatch.context() as quickly:
        quickly.setattr(kafka_client, "TRANSACTION_S", 3.0)
        sink.end_chunk()
        with pytest.raises(SinkError, match="not acknowledged") as caught:
            sink.settle()
    assert requests.bootstrap in str(caught.value)
    sink.abort()
    own_broker.start_again()
    again = KafkaSink(requests.bootstrap)
    assert again.begin(RUN)
    again.put_parity(OutputRecords.of(LINES))
    again.commit({}, {})
    held = committed(requests.bootstrap, PARITY)
    assert [message.value() for message in held] == [line for _, line in LINES]


def test_records_removed_while_they_are_read_are_an_error(
    bootstrap: str, topics: Topics, name: Callable[[], str]
) -> None:
    """Retention that overtakes a reader ends the reading with the offset that is gone; nothing is skipped."""
    topic = name()
    topics.create(topic)
    topics.write(topic, [Written(_LARGE)] * _MANY)
    reading = KafkaLog(bootstrap).read(topic, 0, OffsetRange(0, _MANY), 1)
    seen = next(reading).offsets
    topics.delete_before(topic, 0, _MANY - 1)

    def read_on() -> None:
        for batch in reading:
            seen.extend(batch.offsets)

    with pytest.raises(SourceError, match=rf"{topic}/0: offset [0-9]+ is not there"):
        read_on()
    assert seen == list(range(len(seen)))
    assert len(seen) < _MANY


def test_retention_between_two_launches_is_said_and_an_archive_stands_in(requests: Requests) -> None:
    """Where history is gone, a run is not finished with other outputs than it began with; from an archive it is."""
    arguments = requests.to_kafka("one")
    requests.undisturbed("one")
    archive = requests.folder / "archive"
    export(KafkaLog(requests.bootstrap), requests.stream, archive)
    _stopped_while_writing(requests, arguments).kill()
    before = len(committed(requests.bootstrap, PARITY))
    requests.topics.delete_before(requests.stream, 0, EVENTS - 1)
    code, errors = Launch(arguments).end()
    assert code == ExitCode.UNREACHABLE
    assert f"{PARITY}: an earlier launch of this run committed" in errors
    assert len(committed(requests.bootstrap, PARITY)) == before
    assert Launch([*arguments, "--archive", str(archive)]).end() == (ExitCode.MISMATCH, "")
    assert requests.compare(["one"], is_same_log=False) == []


def test_retention_during_a_run_changes_no_output(requests: Requests) -> None:
    """A run whose records are removed under it ends with equal outputs, or with one error and no run record."""
    requests.undisturbed("one")
    launch = _stopped_while_writing(requests, requests.to_kafka("one"))
    requests.topics.delete_before(requests.stream, 0, EVENTS - 1)
    code, errors = _go_on(launch)
    if code == ExitCode.UNREACHABLE:
        assert len(errors.splitlines()) == 1
        assert "is not there" in errors
    else:
        assert requests.compare(["one"]) == []


def test_a_topic_created_anew_while_it_is_read_ends_the_reading(
    bootstrap: str, topics: Topics, name: Callable[[], str]
) -> None:
    """No record of a topic that took over the name is handed out; the reading ends with an error."""
    topic = name()
    before = topics.create(topic)
    topics.write(topic, [Written(_LARGE)] * _MANY)
    reading = KafkaLog(bootstrap).read(topic, 0, OffsetRange(0, _MANY), 1)
    seen = [next(reading)]
    after = topics.recreate(topic)
    topics.write(topic, [Written(b"another")] * _MANY)
    # the second where the reader asked while the new topic was still empty
    with pytest.raises(SourceError, match=f"its id was {before} and is {after}|is not there"):
        seen.extend(reading)
    assert {batch.values[0] for batch in seen} == {_LARGE}
    assert len(seen) < _MANY


def test_a_topic_created_anew_during_a_run_changes_no_output(requests: Requests) -> None:
    """A run ends with what the topic held, or with one error; the next one finds TOPIC_RECREATED by the recorded id."""
    topic_id = requests.topics.topic_id(requests.stream)
    requests.decisions("one", topic_id=topic_id)
    expected = (requests.undisturbed("one") / "parity.jsonl").read_bytes().splitlines()
    launch = _stopped_while_writing(requests, requests.to_kafka("one"))
    requests.topics.recreate(requests.stream)
    requests.topics.write(requests.stream, written([Auth(second=1, amount="9.00")] * EVENTS))
    code, errors = _go_on(launch)
    if code == ExitCode.UNREACHABLE:
        assert len(errors.splitlines()) == 1
        held = [message.value() for message in committed(requests.bootstrap, PARITY)]
        assert held == expected[: len(held)]
    else:
        assert requests.compare(["one"]) == []
    report = ofs.replay(
        events=f"kafka://{requests.bootstrap}",
        decisions=str(requests.decisions("one")),
        features=str(requests.features),
    )
    assert report.reasons == {"TOPIC_RECREATED": EVENTS}


def test_a_tail_of_aborted_transactions_holds_nothing_up(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """A cut behind records that were all aborted is reached, and they are holes of the certificate."""
    topic, features = name(), registry(tmp_path / "features")
    topics.create(topic)
    topics.write(topic, written(TEN))
    for number in range(3):
        topics.write_transaction(
            topic, written(TEN[:4], first=100), transactional_id=f"{topic}-{number}", commit=False
        )
    end = topics.count(topic)
    asked = decision("d1", stream=topic, applied=TEN, cut={0: end}, as_of_s=3_600, registry_dir=features)
    report = ofs.replay(
        events=f"kafka://{bootstrap}",
        decisions=str(write_decisions(tmp_path / "decisions.ndjson", [asked])),
        features=str(features),
    )
    assert verdicts(report) == (1, 0, 0)
    if report.certificate is None:
        pytest.fail("the run has no certificate")
    (part,) = report.certificate.partitions
    assert (end, part.end, part.records, part.holes.count) == (25, 25, 10, 15)
