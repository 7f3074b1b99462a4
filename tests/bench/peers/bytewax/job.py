"""Bytewax: keyed state of the account, then of the merchant, in memory."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from bisect import bisect_left
from datetime import UTC, datetime
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from source import Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS_US = (3_600_000_000, 86_400_000_000, 604_800_000_000)
DROP = 4096

Event = tuple[str, int, int]
"""Id, time in microseconds, cents."""
Keyed = tuple[str, Event]


def micros(text: str) -> int:
    """Microseconds since 1970 of a UTC time in RFC 3339."""
    found = datetime.fromisoformat(text) - EPOCH
    return (found.days * 86_400 + found.seconds) * 1_000_000 + found.microseconds


class SlidingLog:
    """Exact windows of one key: times in order, amounts, and start and sum (up to the newest) of each window."""

    __slots__ = ("cents", "starts", "sums", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.cents: list[int] = []
        self.starts = [0, 0, 0]
        self.sums = [0, 0, 0]

    def step(self, time_us: int, cents: int, late_us: int) -> list[int]:
        """Count and sum of each window `[time - size, time)`; then the event is added."""
        times, amounts, starts, sums = self.times, self.cents, self.starts, self.sums
        size = len(times)
        end = size if not size or time_us > times[-1] else bisect_left(times, time_us)
        after = sum(amounts[end:]) if end < size else 0
        found = []
        for w, size_us in enumerate(WINDOWS_US):
            start, at = time_us - size_us, starts[w]
            while at < size and times[at] < start:
                sums[w] -= amounts[at]
                at += 1
            while at > 0 and times[at - 1] >= start:
                at -= 1
                sums[w] += amounts[at]
            starts[w] = at
            found += [end - at, sums[w] - after]
            sums[w] += cents
        times.insert(end, time_us)
        amounts.insert(end, cents)
        if starts[-1] > DROP:
            self._drop(late_us)
        return found

    def _drop(self, late_us: int) -> None:
        """Drops what no window needs, some thousands at a time: the rest of a list moves."""
        count = bisect_left(self.times, self.times[-1] - WINDOWS_US[-1] - late_us)
        del self.times[:count], self.cents[:count]
        self.starts = [at - count for at in self.starts]


class Job:
    """The dataflow and what it counts."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.late_us: int = spec["late_us"]
        self.answered = 0
        self.source = Source(spec)
        self.flow = Dataflow("bench")
        events = op.map("decode", op.input("events", self.flow, self.source), self.decode)
        answers = [
            op.map(
                f"{name} answer",
                op.stateful_map(name, op.map(f"by {name}", events, key), self.step),
                itemgetter(1),
            )
            for name, key in (("account", itemgetter(0)), ("merchant", itemgetter(1)))
        ]
        # side by side and joined: a stateful step hands on a batch key by key, so a second one behind it would see the
        # events of its keys out of order
        joined = op.join("join", *answers)
        sink = KafkaSink(
            [spec["bootstrap"]], spec["out"]["topic"], {"compression.type": "lz4", "linger.ms": "50"}
        )
        op.output("answers", op.map("encode", joined, self.encode), sink)

    def decode(self, envelope: bytes) -> tuple[Keyed, Keyed]:
        event = orjson.loads(envelope)
        payload = event["payload"]
        cents = int(payload["amount"].replace(".", ""))
        found = (event["event_id"], micros(event["ts_utc"]), cents)
        return (payload["account_id"], found), (payload["merchant_id"], found)

    def step(self, log: SlidingLog | None, event: Event) -> tuple[SlidingLog, tuple[str, list[int]]]:
        log = log or SlidingLog()
        return log, (event[0], log.step(event[1], event[2], self.late_us))

    def encode(self, joined: tuple[str, tuple[list[int], list[int]]]) -> KafkaSinkMessage[None, bytes]:
        self.answered += 1
        found, (account, merchant) = joined
        return KafkaSinkMessage(None, orjson.dumps({"id": found, "f": account + merchant}))


def give_up(spec: dict[str, Any]) -> None:
    """Ends the process: the dataflow cannot be interrupted from outside its own steps."""
    print(f"not done within limit_s = {spec['limit_s']}", file=sys.stderr, flush=True)
    os._exit(1)


def main() -> int:
    spec = json.loads(Path(sys.argv[1]).read_text())
    watchdog = threading.Timer(max(spec["limit_s"] - 5, 1), give_up, [spec])
    watchdog.daemon = True
    watchdog.start()
    job = Job(spec)
    cli_main(job.flow)
    end_ns = time.monotonic_ns()
    if job.answered != spec["events"] or job.source.merged is None:
        print(f"answered {job.answered} of {spec['events']} events", file=sys.stderr)
        return 1
    seconds = (end_ns - job.source.merged.first_ns) / 1e9
    result = {"events": job.answered, "seconds": round(seconds, 3), "version": version("bytewax")}
    print("RESULT", json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
