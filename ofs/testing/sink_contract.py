"""What every OutputSink must do: `check_output_sink` runs it all and raises ContractBroken at the first difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from ofs.errors import InvariantViolation, RequestConflictError, SinkError
from ofs.ports import OutputRecords, OutputSink
from ofs.testing.broken import ContractBroken, expect, expect_raises

RUN_ID: Final = "a" * 64
OTHER_RUN_ID: Final = "b" * 64
PARITY: Final = [(f"d{number}", b'{"d":%d}' % number) for number in range(7)]
SNAPSHOTS: Final = [
    ("d1", b'{"s":1}'),
    ("d3", b'{"s":3}'),
    ("d3", b'{"s":3}'),
    ("\u00e9", '{"s":"é"}'.encode()),
]
DEAD_LETTERS: Final = [("f:1", b'{"l":1}')]
RUN: Final = {"figure": 7, "replay_id": RUN_ID}
CERTIFICATE: Final = {"z": 1, "a": []}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a reader finds of a run that is finished; lines without their ends."""

    parity: list[bytes]
    snapshots: list[bytes]
    dead_letters: list[bytes]
    run: Mapping[str, object]
    certificate: Mapping[str, object]


class SinkPlace(Protocol):
    """Where outputs are kept.

    `holds_one_run`: another run is refused; else runs stand side by side. `keeps_chunks`: a chunk that was ended stays
    when its launch is aborted, and a later launch of the run must put the same records.
    """

    @property
    def holds_one_run(self) -> bool: ...

    @property
    def keeps_chunks(self) -> bool: ...

    def launch(self) -> OutputSink:
        """A sink over the place, as a new process has it."""
        ...

    def finished(self, replay_id: str) -> FinishedRun | None:
        """What a reader finds of the run; None until it is finished."""
        ...


PlaceFactory = Callable[[], SinkPlace]
"""Gives a new, empty place at every call."""


def check_output_sink(factory: PlaceFactory) -> None:
    """Run every check, each over a place of its own."""
    for check in SINK_CHECKS:
        check(factory())


def check_written_run(place: SinkPlace) -> None:
    """What was put is found in order once the run is committed, and not as a finished run before."""
    sink = place.launch()
    _begin(sink)
    _put_all(sink, 3)
    expect("finished before commit", None, place.finished(RUN_ID))
    sink.commit(RUN, CERTIFICATE)
    _expect_whole(place)


def check_empty_run(place: SinkPlace) -> None:
    """A run without a record, without a chunk, is a finished run."""
    sink = place.launch()
    sink.begin(RUN_ID)
    sink.put_parity(OutputRecords.of([]))
    sink.commit(RUN, CERTIFICATE)
    found = _finished(place)
    expect("outputs", [[], [], []], [found.parity, found.snapshots, found.dead_letters])


def check_finished_run_is_recognised(place: SinkPlace) -> None:
    """The same run again is not to be written: begin says so, gives its record, and changes nothing."""
    _write(place)
    again = place.launch()
    if again.begin(RUN_ID):
        raise ContractBroken("a finished run is to be written again")
    record = again.finished_run()
    expect("its record", RUN, {name: record.get(name) for name in RUN})
    again.abort()
    _expect_whole(place)


def check_other_run(place: SinkPlace) -> None:
    """Another run is refused, or stands beside; the finished one stays as it is."""
    _write(place)
    other = place.launch()
    if place.holds_one_run:
        expect_raises("begin of another run", RequestConflictError, lambda: other.begin(OTHER_RUN_ID))
    else:
        _begin(other, OTHER_RUN_ID)
        other.put_parity(OutputRecords.of(PARITY))
        expect("the other one before its commit", None, place.finished(OTHER_RUN_ID))
    other.abort()
    _expect_whole(place)


def check_abort_leaves_nothing(place: SinkPlace) -> None:
    """An aborted run is not finished; it is written by the next launch as if it were the first, each record once."""
    for chunk in (1, 2, 4):
        sink = place.launch()
        _begin(sink)
        _put_all(sink, chunk)
        sink.put_parity(OutputRecords.of([]))
        sink.abort()
        sink.abort()
        expect("finished after abort", None, place.finished(RUN_ID))
    _write(place, 3)
    _expect_whole(place)


def check_abort_in_the_first_chunk(place: SinkPlace) -> None:
    """What was put and not ended is gone after an abort."""
    sink = place.launch()
    sink.begin(RUN_ID)
    sink.put_parity(OutputRecords.of([("lost", b'{"lost":1}')]))
    sink.put_snapshots(OutputRecords.of([("lost", b'{"lost":2}')]))
    sink.abort()
    _write(place)
    _expect_whole(place)


def check_abort_outside_a_run(place: SinkPlace) -> None:
    """An abort before begin and after commit does nothing."""
    place.launch().abort()
    sink = place.launch()
    sink.begin(RUN_ID)
    _put_all(sink, 3)
    sink.commit(RUN, CERTIFICATE)
    sink.abort()
    _expect_whole(place)


def check_chunks_that_differ(place: SinkPlace) -> None:
    """Where ended chunks stay, a later launch with other records is refused; it cannot make two runs into one."""
    sink = place.launch()
    sink.begin(RUN_ID)
    sink.put_parity(OutputRecords.of(PARITY[:2]))
    sink.end_chunk()
    sink.abort()
    for records in ([("d0", b'{"d":0}'), ("d1", b'{"d":"other"}')], PARITY[:1]):
        later = place.launch()
        later.begin(RUN_ID)
        if place.keeps_chunks:
            expect_raises("other records", SinkError, lambda: _commit(later, records))  # noqa: B023  (called at once)
        later.abort()
        expect("finished", None, place.finished(RUN_ID))
    _write(place)
    _expect_whole(place)


def check_outputs_that_progress_apart(place: SinkPlace) -> None:
    """A launch that died between the parity and the snapshots of a chunk, and one after it in smaller chunks, leave no
    trace: each record is there once."""
    first = place.launch()
    first.begin(RUN_ID)
    first.put_parity(OutputRecords.of(PARITY[:4]))
    first.end_chunk()
    first.abort()
    second = place.launch()
    second.begin(RUN_ID)
    second.put_parity(OutputRecords.of(PARITY[:2]))
    second.put_snapshots(OutputRecords.of(SNAPSHOTS[:1]))
    second.end_chunk()
    second.abort()
    _write(place, 3)
    _expect_whole(place)


def check_order_of_calls(place: SinkPlace) -> None:
    """Records and commits need a run that has begun and not ended; a record of a finished run needs one."""
    for name, sink in (("begin", place.launch()), ("abort", _ended(place, is_aborted=True))):
        expect_raises(f"put, {name}", InvariantViolation, lambda: sink.put_parity(OutputRecords.of(PARITY)))  # noqa: B023  (called at once)
        expect_raises(f"commit, {name}", InvariantViolation, lambda: sink.commit(RUN, CERTIFICATE))  # noqa: B023  (as above)
        expect_raises(f"finished_run, {name}", InvariantViolation, sink.finished_run)
    done = _ended(place, is_aborted=False)
    expect_raises(
        "put after commit", InvariantViolation, lambda: done.put_snapshots(OutputRecords.of(SNAPSHOTS))
    )
    expect_raises("commit after commit", InvariantViolation, lambda: done.commit(RUN, CERTIFICATE))
    _expect_whole(place)


def check_topics(place: SinkPlace) -> None:
    """The topics that it writes are told before it begins, and stay the same."""
    sink = place.launch()
    before = sink.topics
    expect("a topic without a name", 0, sum(not name for name in before))
    sink.begin(RUN_ID)
    expect("topics", before, sink.topics)
    sink.abort()


def _begin(sink: OutputSink, replay_id: str = RUN_ID) -> None:
    if not sink.begin(replay_id):
        raise ContractBroken("a run that is not finished is not to be written")


def _put_all(sink: OutputSink, chunk: int) -> None:
    """As a run does: chunk by chunk parity, then snapshots; dead letters last."""
    for lo in range(0, len(PARITY), chunk):
        ids = [key for key, _ in PARITY[lo : lo + chunk]]
        sink.put_parity(OutputRecords.of(PARITY[lo : lo + chunk]))
        snapshots = [record for record in SNAPSHOTS if record[0] in ids]
        if snapshots:
            sink.put_snapshots(OutputRecords.of(snapshots))
        sink.end_chunk()
    sink.put_snapshots(OutputRecords.of(SNAPSHOTS[-1:]))
    sink.put_dead_letters(OutputRecords.of(DEAD_LETTERS))
    sink.end_chunk()


def _write(place: SinkPlace, chunk: int = 2) -> None:
    sink = place.launch()
    _begin(sink)
    _put_all(sink, chunk)
    sink.commit(RUN, CERTIFICATE)


def _ended(place: SinkPlace, *, is_aborted: bool) -> OutputSink:
    sink = place.launch()
    sink.begin(RUN_ID)
    _put_all(sink, 3)
    if is_aborted:
        sink.abort()
    else:
        sink.commit(RUN, CERTIFICATE)
    return sink


def _commit(sink: OutputSink, records: list[tuple[str, bytes]]) -> None:
    sink.put_parity(OutputRecords.of(records))
    sink.end_chunk()
    sink.commit(RUN, CERTIFICATE)


def _finished(place: SinkPlace) -> FinishedRun:
    found = place.finished(RUN_ID)
    if found is None:
        raise ContractBroken("a committed run is not found")
    expect("run record", RUN, {name: found.run.get(name) for name in RUN})
    expect("certificate", CERTIFICATE, dict(found.certificate))
    return found


def _expect_whole(place: SinkPlace) -> None:
    found = _finished(place)
    for name, lines, records in (
        ("parity", found.parity, PARITY),
        ("snapshots", found.snapshots, SNAPSHOTS),
        ("dead letters", found.dead_letters, DEAD_LETTERS),
    ):
        expect(name, [line for _, line in records], lines)


SINK_CHECKS: Final[tuple[Callable[[SinkPlace], None], ...]] = (
    check_written_run,
    check_empty_run,
    check_finished_run_is_recognised,
    check_other_run,
    check_abort_leaves_nothing,
    check_abort_in_the_first_chunk,
    check_abort_outside_a_run,
    check_chunks_that_differ,
    check_outputs_that_progress_apart,
    check_order_of_calls,
    check_topics,
)
