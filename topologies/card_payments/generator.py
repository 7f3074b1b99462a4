"""A log of card events from a seed: what a busy, imperfect producer leaves behind, the same bytes everywhere.

A few accounts and merchants have most of the events. Events come late by seconds to hours and slightly before their
time; copies come again, some of them changed; records are malformed, of other runs, of other types; values are missing
or wrong; offsets have holes; log timestamps step back now and then.
"""

from __future__ import annotations

import heapq
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ofs.units import SECOND_US, next_offset
from topologies.card_payments.envelope import OTHER_PINS, PINS, CardEvent, envelope, odd_text, rendered
from topologies.card_payments.malformed import MALFORMED, is_text
from topologies.card_payments.prng import Draw

__all__ = ["STREAM", "LogRecord", "Traffic", "generate", "to_ndjson"]

STREAM: Final = "card.events.v1"

_MS_US: Final = 1_000
_HOUR_US: Final = 3_600 * SECOND_US
_START_US: Final = 1_767_571_200 * SECOND_US  # 2026-01-05T00:00:00Z
_EVENT_TYPES: Final = ("card_auth",) * 18 + ("card_refund",) * 2 + ("card_clearing", "account_update")
_CARDS_PER_ACCOUNT: Final = 3
_MALFORMED_KINDS: Final = tuple(MALFORMED)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of the log. `kind` says what the generator meant: good, odd, other_pins, duplicate,
    duplicate_differing, or malformed:REASON; it is no part of the log.
    """

    partition: int
    offset: int
    log_ts_us: int
    key: bytes | None
    value: bytes | None
    kind: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the log is like. `idle_partitions` get no record. `gap_us`: mean time between two events.

    `text_only`: no values that are not UTF-8, so that every record can stand in NDJSON.
    """

    partitions: int = 4
    accounts: int = 2_000
    merchants: int = 300
    idle_partitions: frozenset[int] = frozenset()
    start_us: int = _START_US
    gap_us: int = 30 * SECOND_US
    text_only: bool = False


@dataclass(slots=True)
class _Arrivals:
    """Records on their way, given out in the order of their arrival; equal times in the order of sending."""

    waiting: list[tuple[int, int, int, bytes | None, bytes | None, str]] = field(default_factory=list)
    sent: int = 0

    def send(self, at_us: int, partition: int, key: bytes | None, value: bytes | None, kind: str) -> None:
        heapq.heappush(self.waiting, (at_us, self.sent, partition, key, value, kind))
        self.sent += 1

    def until(self, time_us: int | None) -> Iterator[tuple[int, int, bytes | None, bytes | None, str]]:
        """What has arrived by this time; None: all the rest."""
        while self.waiting and (time_us is None or self.waiting[0][0] <= time_us):
            at_us, _, partition, key, value, kind = heapq.heappop(self.waiting)
            yield at_us, partition, key, value, kind


def generate(seed: int, events: int, traffic: Traffic | None = None) -> Iterator[LogRecord]:
    """The log of so many events, in the order of arrival, so in offset order in every partition.

    Copies come on top of `events`. Raises ValueError where no partition is left to write to.
    """
    shape = Traffic() if traffic is None else traffic
    active = [partition for partition in range(shape.partitions) if partition not in shape.idle_partitions]
    if not active:
        raise ValueError("every partition is idle: no record has a place")
    draw = Draw(seed)
    log = _Log(Draw(seed ^ 0x5EED), shape.partitions)
    arrivals = _Arrivals()
    now_us = shape.start_us
    event: CardEvent | None = None
    for number in range(events):
        now_us += draw.below(2 * shape.gap_us)
        event = _event(number, now_us, event, draw, shape)
        partition = active[zlib.crc32(str(event.card).encode()) % len(active)]
        _send(event, now_us, partition, arrivals, draw, shape)
        yield from (log.append(*arrived) for arrived in arrivals.until(now_us))
    yield from (log.append(*arrived) for arrived in arrivals.until(None))


def to_ndjson(records: Iterable[LogRecord]) -> Iterator[bytes]:
    """The records as lines, without line end, of the format that `ofs archive import` reads.

    Raises ValueError for a value that is not UTF-8 (see `Traffic.text_only`).
    """
    for record in records:
        if not is_text(record.value):
            raise ValueError(
                f"partition {record.partition}, offset {record.offset}: the value is not UTF-8 text"
            )
        line = {
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_us": record.log_ts_us,
            "key": None if record.key is None else record.key.decode("utf-8"),
            "value": None if record.value is None else record.value.decode("utf-8"),
        }
        yield json.dumps(line, separators=(",", ":")).encode()


class _Log:
    """Gives every arrived record its offset and log timestamp, as a broker does."""

    def __init__(self, draw: Draw, partitions: int) -> None:
        self._draw = draw
        self._ends = [0] * partitions

    def append(
        self, at_us: int, partition: int, key: bytes | None, value: bytes | None, kind: str
    ) -> LogRecord:
        if self._draw.chance(8):  # control records and aborted batches take offsets and deliver nothing
            for _ in range(1 + self._draw.heavy(20, 3)):
                self._ends[partition] = next_offset(self._ends[partition])
        offset = self._ends[partition]
        self._ends[partition] = next_offset(offset)
        log_ts_us = at_us // _MS_US * _MS_US
        if self._draw.chance(3):  # another broker became leader, and its clock is behind
            log_ts_us -= self._draw.below(500) * _MS_US
        return LogRecord(partition, offset, log_ts_us, key, value, kind)


def _event(number: int, now_us: int, before: CardEvent | None, draw: Draw, shape: Traffic) -> CardEvent:
    account = draw.heavy(shape.accounts, 3)
    time_us = _event_time_us(now_us, draw)
    if before is not None and draw.chance(25):  # a burst: the same account and instant, often another card
        account, time_us = before.account, before.time_us
    return CardEvent(
        number=number,
        event_type=draw.one_of(_EVENT_TYPES),
        time_us=time_us,
        account=account,
        card=account * _CARDS_PER_ACCOUNT + draw.heavy(_CARDS_PER_ACCOUNT, 2),
        merchant=draw.heavy(shape.merchants, 4),
        device=draw.heavy(shape.accounts, 2),
    )


def _event_time_us(now_us: int, draw: Draw) -> int:
    """Producers have clocks of microseconds, milliseconds, seconds or minutes; some are ahead by up to 2 s."""
    clock = draw.below(100)
    if clock < 2:
        return now_us + draw.below(2 * SECOND_US)
    if clock < 4:
        return now_us - now_us % (60 * SECOND_US)
    if clock < 24:
        return now_us - now_us % SECOND_US
    return now_us if clock < 50 else now_us - now_us % _MS_US


def _delay_us(draw: Draw) -> int:
    """From the event to its record: mostly under a second, some minutes, a few up to six hours."""
    delay = draw.below(1_000)
    if delay < 880:
        return 5 * _MS_US + draw.below(800 * _MS_US)
    if delay < 970:
        return SECOND_US + draw.below(600 * SECOND_US)
    return draw.below(6 * _HOUR_US)


def _send(
    event: CardEvent, now_us: int, partition: int, arrivals: _Arrivals, draw: Draw, shape: Traffic
) -> None:
    key = None if draw.chance(20) else f"card-{event.card}".encode()
    at_us = now_us + _delay_us(draw)
    is_other = draw.chance(20)
    members = envelope(event, draw, draw.one_of(OTHER_PINS) if is_other else PINS)
    if draw.chance(12):
        reason, value = _malformed(members, draw, text_only=shape.text_only)
        arrivals.send(at_us, partition, key, value, f"malformed:{reason}")
        return
    kind = "other_pins" if is_other else "odd" if draw.chance(25) else "good"
    text = odd_text(members, draw) if kind == "odd" else rendered(members)
    arrivals.send(at_us, partition, key, text.encode(), kind)
    if draw.chance(20):
        again_us = at_us + draw.below(5 * SECOND_US if draw.chance(700) else 2 * _HOUR_US)
        arrivals.send(again_us, partition, key, text.encode(), "duplicate")
    if draw.chance(6):
        changed = rendered({**members, "emitted_at_utc": '"2026-01-01T00:00:00Z"'})
        again_us = at_us + 1 + draw.below(_HOUR_US)
        arrivals.send(again_us, partition, key, changed.encode(), "duplicate_differing")


def _malformed(members: dict[str, str], draw: Draw, *, text_only: bool) -> tuple[str, bytes | None]:
    """A reason and the spoiled value."""
    while True:
        reason, spoil = MALFORMED[draw.one_of(_MALFORMED_KINDS)]
        if not (text_only and reason == "not_utf8"):
            return reason, spoil(members)
