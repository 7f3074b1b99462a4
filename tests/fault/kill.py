"""Real kills: a child process runs `ofs replay` and is killed at drawn moments, again and again, until it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Message, TopicPartition

LIMIT_S = 120.0
POLL_S = 0.02
# a launch imports and plans for about this long before it writes
START_S = 1.2
_READER = {"enable.auto.commit": False, "auto.offset.reset": "error", "log_level": 0, "group.id": "test-kill"}


class Launch:
    """One child process `python -m ofs …`."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ofs", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_over_after(self, seconds: float) -> bool:
        """Wait so long, or until it has ended; says whether it has."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        self.process.kill()
        self.end()

    def end(self) -> tuple[int, str]:
        """(exit code, stderr) at the end."""
        _, errors = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, errors


class ProgressWatch:
    """Sees the progress records of a topic of runs as they are written, before they are committed."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer(
            {**_READER, "bootstrap.servers": bootstrap, "isolation.level": "read_uncommitted"}
        )
        place = TopicPartition(topic, 0)
        _, end = self._consumer.get_watermark_offsets(place, timeout=LIMIT_S)
        self._consumer.assign([TopicPartition(topic, 0, end)])

    def await_records(self, wanted: int, launch: Launch) -> int:
        """Wait for so many more records, or the end of the launch; returns how many came."""
        seen = 0
        while seen < wanted and not launch.is_over_after(0):
            seen += sum(1 for message in self._consumer.consume(100, POLL_S) if message.error() is None)
        return seen

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


@dataclass
class Kills:
    """What a series of kills met."""

    killed: int = 0
    while_writing: int = 0
    lives: int = 0
    exit_codes: list[int] = field(default_factory=list)

    def add(self, other: Kills) -> None:
        """Count another series."""
        self.killed += other.killed
        self.while_writing += other.while_writing
        self.lives += other.lives
        self.exit_codes += other.exit_codes

    def __str__(self) -> str:
        return f"{self.killed} kills, {self.while_writing} of them while writing, over {self.lives} runs"


def kill_until_done(
    arguments: Sequence[str], draw: Random, limit: int, watch: Callable[[], ProgressWatch]
) -> Kills:
    """Launch and kill until a launch ends by itself, which the one after `limit` kills may do undisturbed.

    Two of three kills come up to 30 ms after a drawn number of transactions, the third at any moment of the start.
    """
    met = Kills(lives=1)
    while met.killed < limit:
        observer = watch()
        launch = Launch(arguments)
        try:
            if draw.random() < 1 / 3:
                seen = 0
                is_over = launch.is_over_after(draw.uniform(0, START_S))
            else:
                seen = observer.await_records(draw.randint(1, 8), launch)
                is_over = launch.is_over_after(draw.uniform(0, 0.03))
        finally:
            observer.close()
        if is_over:
            met.exit_codes.append(launch.end()[0])
            return met
        launch.kill()
        met.killed += 1
        met.while_writing += seen > 0
    met.exit_codes.append(Launch(arguments).end()[0])
    return met


def kill_writing_a_folder(
    arguments: Sequence[str], out: Path, draw: Random, kills: int, writing_s: float
) -> Kills:
    """Launch and kill so many times, each at a drawn moment after the partial folder has appeared, then let it end.

    A run that ends first is begun anew, and from then on killed sooner.
    """
    met = Kills(lives=1)
    while met.killed < kills:
        launch = Launch(arguments)
        while not partial_folders(out) and not launch.is_over_after(POLL_S / 10):
            continue
        if launch.is_over_after(draw.uniform(0, writing_s)):
            met.exit_codes.append(launch.end()[0])
            met.lives += 1
            shutil.rmtree(out)
            writing_s *= 0.7
            continue
        launch.kill()
        met.killed += 1
        met.while_writing += bool(partial_folders(out))
    met.exit_codes.append(Launch(arguments).end()[0])
    return met


def partial_folders(out: Path) -> list[Path]:
    """What a run that writes this folder has beside it until it is done."""
    return sorted(out.parent.glob(f".{out.name}.partial-*"))


def committed(bootstrap: str, topic: str) -> list[Message]:
    """Every committed record of the topic's one partition, in order, up to its high watermark."""
    place = TopicPartition(topic, 0)
    with_end: dict[str, Any] = {**_READER, "bootstrap.servers": bootstrap}
    probe = Consumer({**with_end, "isolation.level": "read_uncommitted"})
    try:
        _, end = probe.get_watermark_offsets(place, timeout=LIMIT_S)
    finally:
        probe.close()
    consumer = Consumer({**with_end, "isolation.level": "read_committed"})
    found: list[Message] = []
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING if end else OFFSET_END)])
        for _ in range(int(LIMIT_S / POLL_S)):
            if end == 0 or consumer.position([place])[0].offset >= end:
                return found
            for message in consumer.consume(1000, POLL_S):
                error = message.error()
                if error is not None:
                    raise KafkaException(error)
                found.append(message)
    finally:
        consumer.close()
    raise TimeoutError(f"{topic} was not read up to {end}")
