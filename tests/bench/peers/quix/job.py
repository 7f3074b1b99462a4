"""Quix Streams: stateful windows of the account, group_by merchant, windows of the merchant; one process a thread."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
import time
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import connection
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from confluent_kafka.admin import AdminClient
from quixstreams import Application, State, message_context
from sliding_log import SlidingLog

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str) -> int:
    """Microseconds since 1970 of a UTC time in RFC 3339."""
    found = datetime.fromisoformat(text) - EPOCH
    return (found.days * 86_400 + found.seconds) * 1_000_000 + found.microseconds


class Progress:
    """What the processes share: answers so far, late events, and when the first record came."""

    def __init__(self, context: Any, processes: int) -> None:
        self.answered = context.Value("q", 0)
        self.late = context.Value("q", 0)
        self.first_ns = context.Value("q", 0)
        self.ready = context.Barrier(processes)
        self.ended = context.Event()

    def begin(self) -> None:
        with self.first_ns.get_lock():
            self.first_ns.value = self.first_ns.value or time.monotonic_ns()

    def count(self, answered: int, late: int) -> None:
        with self.answered.get_lock():
            self.answered.value += answered
        with self.late.get_lock():
            self.late.value += late


class Worker:
    """The job of one process: a member of the consumer group with its own state folder."""

    def __init__(self, spec: dict[str, Any], number: int, progress: Progress) -> None:
        self.spec, self.progress = spec, progress
        self.begun = False
        self.answered = self.late = 0
        self.app = Application(
            broker_address=spec["bootstrap"],
            consumer_group=spec["group"],
            auto_offset_reset="earliest",
            state_dir=Path(spec["work"]) / f"state{number}",
            loglevel="WARNING",
            consumer_poll_timeout=0.1,
            consumer_extra_config={"fetch.queue.backoff.ms": 2, "heartbeat.interval.ms": 500},
            producer_extra_config={"compression.type": "lz4", "linger.ms": 50},
        )

    def run(self) -> None:
        events = self.app.topic(self.spec["topic"], key_deserializer="str", value_deserializer="bytes")
        out = self.app.topic(self.spec["out"]["topic"], value_serializer="bytes")
        frame = (
            self.app.dataframe(events)
            .filter(self.wanted)
            .apply(self.decode)
            .apply(self.account, stateful=True)
        )
        frame = frame.group_by("merchant").apply(self.merchant, stateful=True)
        frame.to_topic(out)
        threading.Thread(target=self.watch, daemon=True).start()
        # together: the group is balanced once, before the first record
        self.progress.ready.wait(30)
        self.app.run()

    def watch(self) -> None:
        """Adds up what was answered, a few times a second; ends the process once all is."""
        seen = (0, 0)
        while not self.progress.ended.wait(0.1):
            now = (self.answered, self.late)
            self.progress.count(now[0] - seen[0], now[1] - seen[1])
            seen = now
        self.app.stop()

    def wanted(self, _: bytes) -> bool:
        at = message_context()
        return bool(at.offset < self.spec["partitions"][at.partition])

    def decode(self, envelope: bytes) -> dict[str, Any]:
        if not self.begun:
            self.begun = True
            self.progress.begin()
        event = orjson.loads(envelope)
        payload = event["payload"]
        cents = int(payload["amount"].replace(".", ""))
        return {
            "id": event["event_id"],
            "merchant": payload["merchant_id"],
            "t": micros(event["ts_utc"]),
            "cents": cents,
        }

    def account(self, event: dict[str, Any], state: State) -> dict[str, Any]:
        event["f"] = self.step(event, state)
        return event

    def merchant(self, event: dict[str, Any], state: State) -> bytes:
        answer = orjson.dumps({"id": event["id"], "f": event["f"] + self.step(event, state)})
        self.answered += 1
        return answer

    def step(self, event: dict[str, Any], state: State) -> list[int]:
        found, late = SlidingLog(state, self.spec["late_us"]).step(event["t"], event["cents"])
        self.late += late
        return found


def work(spec: dict[str, Any], number: int, progress: Progress) -> None:
    """What a process does."""
    Worker(spec, number, progress).run()


def delete_topics(spec: dict[str, Any]) -> None:
    """Deletes the changelog and repartition topics of the run."""
    admin = AdminClient({"bootstrap.servers": spec["bootstrap"]})
    names = [name for name in admin.list_topics(timeout=10).topics if f"__{spec['group']}--" in name]
    for deleted in admin.delete_topics(names).values() if names else ():
        deleted.result()


def follow(spec: dict[str, Any], workers: list[Any], progress: Progress) -> str | None:
    """Waits until all is answered; what went wrong, or None."""
    limit = time.monotonic() + spec["limit_s"] - 5
    while progress.answered.value < spec["events"]:
        if connection.wait([worker.sentinel for worker in workers], 0.05):
            return "a process has ended early; its reason is above"
        if time.monotonic() > limit:
            return f"not done within limit_s = {spec['limit_s']}"
    progress.ended.set()
    for worker in workers:
        worker.join(max(limit - time.monotonic(), 1))
        if worker.exitcode != 0:
            return f"a process ended with {worker.exitcode}"
    return None


def main() -> int:
    spec = json.loads(Path(sys.argv[1]).read_text())
    # of this run alone: the group of a run before has committed offsets
    spec["group"] = f"bench-quix-{uuid4().hex}"
    context = multiprocessing.get_context("spawn")
    progress = Progress(context, spec["threads"])
    workers = [context.Process(target=work, args=(spec, n, progress)) for n in range(spec["threads"])]
    for worker in workers:
        worker.start()
    try:
        failed = follow(spec, workers, progress)
        seconds = (time.monotonic_ns() - progress.first_ns.value) / 1e9
    finally:
        for worker in workers:
            worker.kill()
    if failed:
        print(failed, file=sys.stderr)
        return 1
    delete_topics(spec)
    result = {
        "events": progress.answered.value,
        "seconds": round(seconds, 3),
        "late": progress.late.value,
        "version": version("quixstreams"),
    }
    print("RESULT", json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
