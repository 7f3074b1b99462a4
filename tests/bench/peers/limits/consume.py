"""confluent-kafka, consume only: what a Python program can read at all. `python consume.py SPEC`.

Mode `tuned` gives the fetcher larger responses and lets it come back at once; `defaults` leaves all as it is.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition

TUNED = {
    "fetch.queue.backoff.ms": 2,
    "fetch.message.max.bytes": 8 << 20,
    "fetch.max.bytes": 64 << 20,
    "queued.min.messages": 500_000,
    "queued.max.messages.kbytes": 256 << 10,
    "check.crcs": False,
}

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
settings = {"bootstrap.servers": job["bootstrap"], "group.id": "limit", "enable.auto.commit": False}
consumer = Consumer(settings | (TUNED if job["mode"] == "tuned" else {}))
consumer.assign(
    [TopicPartition(job["topic"], number, 0) for number, count in enumerate(job["partitions"]) if count]
)
events, size, started = 0, 0, 0.0
while events < job["events"]:
    messages = consumer.consume(10_000, 1.0)
    if messages and not started:
        started = time.perf_counter()
    for message in messages:
        size += len(message.value())
    events += len(messages)
seconds = time.perf_counter() - started
result = {
    "events": events,
    "seconds": round(seconds, 3),
    "version": confluent_kafka.__version__,
    "bytes": size,
}
print("RESULT " + json.dumps(result), flush=True)
consumer.close()
