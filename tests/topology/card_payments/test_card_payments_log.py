"""The generated log of card events: the same bytes everywhere, and everything in it that a real log has."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import islice, pairwise
from pathlib import Path

import pytest

from ofs.canonical import jcs
from ofs.features import Registry
from ofs.ports import TIMESTAMP_LOG_APPEND
from ofs.semantics.admission import Event, Rejection, admit
from ofs.semantics.history import GroupTally, PartitionHistory
from ofs.sources.archive import ArchiveLog, import_ndjson
from ofs.units import OffsetRange
from topologies.card_payments import REGISTRY
from topologies.card_payments.envelope import OTHER_PINS, PINS, CardEvent, envelope
from topologies.card_payments.generator import STREAM, LogRecord, Traffic, generate, to_ndjson
from topologies.card_payments.malformed import MALFORMED
from topologies.card_payments.memory import memory_log
from topologies.card_payments.prng import Draw

SEED = 20_260_105
DIGEST = "998241122e870118f4e63a1cea3d4919c3d2758bd17cbb7bfbbfcc34c754e4f4"

_DIGEST_CODE = """
import hashlib, itertools
from topologies.card_payments.generator import generate
digest = hashlib.sha256()
for r in itertools.islice(generate({seed}, 12_000), 10_000):
    for part in (b"%d %d %d" % (r.partition, r.offset, r.log_ts_us), r.key, r.value):
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def records() -> list[LogRecord]:
    """10,000 records of the log."""
    return list(islice(generate(SEED, 12_000), 10_000))


def digest_of(records: Iterable[LogRecord]) -> str:
    digest = hashlib.sha256()
    for record in records:
        head = b"%d %d %d" % (record.partition, record.offset, record.log_ts_us)
        for part in (head, record.key, record.value):
            digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return digest.hexdigest()


def test_the_log_of_a_seed_never_changes(records: list[LogRecord]) -> None:
    """The first 10,000 records have the bytes they had when this test was written."""
    assert digest_of(records) == DIGEST


@pytest.mark.parametrize("hash_seed", ["1", "77"])
def test_the_log_does_not_depend_on_the_process(hash_seed: str) -> None:
    """Another hash seed, time zone and locale give the same log."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "Pacific/Apia", "LC_ALL": "C"}
    code = _DIGEST_CODE.format(seed=SEED)
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == DIGEST


def test_another_seed_gives_another_log(records: list[LogRecord]) -> None:
    """The seed is what the log comes from."""
    assert digest_of(islice(generate(SEED + 1, 12_000), 10_000)) != digest_of(records)


def test_every_partition_is_in_offset_order_with_holes(records: list[LogRecord]) -> None:
    """Offsets ascend in each partition from 0 or more, a few of them deliver nothing, times are whole milliseconds."""
    holes = 0
    for partition in range(4):
        own = [record for record in records if record.partition == partition]
        steps = [after.offset - before.offset for before, after in pairwise(own)]
        assert min(steps) == 1
        holes += sum(step - 1 for step in steps)
    assert 50 <= holes <= 1_000
    assert all(record.log_ts_us % 1_000 == 0 for record in records)


def test_records_are_what_they_are_meant_to_be(records: list[LogRecord]) -> None:
    """Malformed records are rejected for the reason they were made for; all others are admitted."""
    for record in records:
        found = admit(record.value)
        kind, _, reason = record.kind.partition(":")
        if kind == "malformed":
            assert found == reason, record
        else:
            assert isinstance(found, Event), record
            assert (found.pins != jcs(dict(PINS))) is (kind == "other_pins") or kind.startswith("duplicate")


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_spoiled_event_is_rejected_for_its_reason(kind: str) -> None:
    """Each way to spoil an event gives the reason that stands beside it, whatever the event."""
    reason, spoil = MALFORMED[kind]
    for seed in range(20):
        draw = Draw(seed)
        event = CardEvent(seed, "card_auth", 1_767_571_200_000_000 + draw.below(10**12), 1, 2, 3, 4)
        assert admit(spoil(envelope(event, draw, PINS))) == reason


def test_every_rejection_but_the_largest_is_in_the_log(records: list[LogRecord]) -> None:
    """All reasons occur among 10,000 records; a value over 16 MiB would only make the log heavy."""
    found = {record.kind.partition(":")[2] for record in records if record.kind.startswith("malformed:")}
    assert found == {str(reason) for reason in Rejection} - {"value_too_large"}


def test_proportions_are_those_of_a_busy_imperfect_producer(records: list[LogRecord]) -> None:
    """Copies, other runs, odd and malformed records each have their share, and good events are most of the log."""
    kinds = Counter(record.kind.partition(":")[0] for record in records)
    assert 9_000 <= kinds["good"] <= 9_600
    assert 100 <= kinds["duplicate"] <= 300
    assert 30 <= kinds["duplicate_differing"] <= 100
    assert 80 <= kinds["malformed"] <= 180
    assert 120 <= kinds["other_pins"] <= 260
    assert 150 <= kinds["odd"] <= 350


def test_events_come_late_and_a_little_early(records: list[LogRecord]) -> None:
    """A tenth of the events comes seconds to minutes late, some hours, and none over 5 s before its time."""
    delays_us = [
        record.log_ts_us - event.event_time_us
        for record in records
        if isinstance(event := admit(record.value), Event) and not record.kind.startswith("duplicate")
    ]
    late_minutes = sum(10_000_000 <= delay_us < 600_000_000 for delay_us in delays_us)
    late_hours = sum(delay_us >= 3_600_000_000 for delay_us in delays_us)
    early = sum(delay_us < 0 for delay_us in delays_us)
    assert late_minutes > 500
    assert late_hours > 100
    assert early > 20
    assert min(delays_us) > -5_000_000
    assert max(delays_us) < 7 * 3_600_000_000


def test_a_few_accounts_and_merchants_have_most_events(records: list[LogRecord]) -> None:
    """The largest account has over 5 % of the events and hundreds have one; merchants are heavier still."""
    accounts: Counter[str] = Counter()
    merchants: Counter[str] = Counter()
    for record in records:
        event = admit(record.value)
        if isinstance(event, Event):
            accounts[str(event.payload.get("account_id"))] += 1
            merchants[str(event.payload.get("merchant_id"))] += 1
    assert accounts.most_common(1)[0][1] > 500
    assert sum(count == 1 for count in accounts.values()) > 100
    assert merchants.most_common(1)[0][1] > 1_500


def test_every_fate_of_an_event_occurs_in_the_groups(records: list[LogRecord]) -> None:
    """Over the groups, events are used, filtered, late, without key, with a wrong key, wrong and missing values."""
    registry = list(Registry.load(REGISTRY))
    definitions = [locked.canonical for locked in registry]
    fates: dict[str, set[str]] = {}
    for partition in range(4):
        history = PartitionHistory(
            definitions,
            [jcs(dict(PINS))],
            stream=STREAM,
            partition=partition,
            start=0,
            max_skew_us=300_000_000,
        )
        for record in records:
            if record.partition == partition:
                history.apply(record.offset, record.log_ts_us, record.value)
        assert history.skew_violation is None
        for locked, tally in zip(registry, history.tallies, strict=True):
            fates.setdefault(f"{locked.name} {locked.version}", set()).update(fates_of(tally))
    always = {"usable", "no_key", "key_invalid", "value_invalid", "value_missing"}
    assert fates == {
        "account_velocity v1": {*always, "filtered"},
        "account_velocity v2": {*always, "filtered"},
        "card_usage v1": always,
        "device_usage v1": {*always, "filtered"},
        "merchant_activity v1": {*always, "late"},
    }


def fates_of(tally: GroupTally) -> set[str]:
    counts = {"usable": tally.usable, "filtered": tally.filtered}
    counts |= {name: listing.count for name, listing in tally.listings.items()}
    return {name for name, count in counts.items() if count > 0}


def test_the_pins_of_other_runs_are_in_the_log(records: list[LogRecord]) -> None:
    """Both other runs occur, also the one that differs only by an absent seed."""
    found = {event.pins for record in records if isinstance(event := admit(record.value), Event)}
    assert found == {jcs(dict(pins)) for pins in (PINS, *OTHER_PINS)}


def test_idle_partitions_stay_empty() -> None:
    """A partition that is said to be idle gets no record; with all of them idle there is no log."""
    found = {record.partition for record in generate(1, 500, Traffic(idle_partitions=frozenset({0, 2})))}
    assert found == {1, 3}
    with pytest.raises(ValueError, match="every partition is idle"):
        next(generate(1, 1, Traffic(partitions=1, idle_partitions=frozenset({0}))))


def test_the_log_in_memory_has_the_same_records(records: list[LogRecord]) -> None:
    """Loaded into memory, every record stands at its offset with its timestamp."""
    log = memory_log(records, partitions=5)
    found: list[tuple[int, int, int, bytes | None, bytes | None]] = []
    info = log.describe(STREAM)
    assert info is not None
    assert [part.end for part in info.partitions][4] == 0
    for partition, span in ((part.partition, OffsetRange(0, part.end)) for part in info.partitions):
        for batch in log.read(STREAM, partition, span, 999):
            assert set(batch.ts_types) == {TIMESTAMP_LOG_APPEND}
            columns = zip(batch.offsets, batch.log_ts_us, batch.keys, batch.values, strict=True)
            found.extend((partition, *columns_of) for columns_of in columns)
    expected = [(r.partition, r.offset, r.log_ts_us, r.key, r.value) for r in records]
    assert found == sorted(expected, key=lambda record: record[:2])


def test_the_log_as_ndjson_can_be_imported(tmp_path: Path) -> None:
    """A log of text only goes through NDJSON into an archive without a changed byte."""
    records = list(generate(3, 800, Traffic(text_only=True)))
    import_ndjson(to_ndjson(records), STREAM, tmp_path)
    archive = ArchiveLog(tmp_path)
    info = archive.describe(STREAM)
    assert info is not None
    found = {
        (part.partition, offset): (key, value)
        for part in info.partitions
        for batch in archive.read(STREAM, part.partition, part.ranges[0], 100)
        for offset, key, value in zip(batch.offsets, batch.keys, batch.values, strict=True)
    }
    assert found == {(r.partition, r.offset): (r.key, r.value) for r in records}


def test_what_is_not_text_is_refused_as_ndjson() -> None:
    """A value that is no UTF-8 cannot stand in NDJSON, and says where it is."""
    record = LogRecord(2, 17, 0, None, b"\xff", "malformed:not_utf8")
    with pytest.raises(ValueError, match="partition 2, offset 17"):
        list(to_ndjson([record]))
    (line,) = to_ndjson([LogRecord(0, 1, 5, None, None, "malformed:value_null")])
    assert json.loads(line) == {"partition": 0, "offset": 1, "timestamp_us": 5, "key": None, "value": None}


def test_the_draws_are_those_of_splitmix64() -> None:
    """The generator gives the published values of SplitMix64 for the seed 1234567."""
    draw = Draw(1_234_567)
    assert [draw.bits() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]
