"""One Kafka node as a plain process on this machine, with its data in a folder; the jars come from Maven."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_POM: Final = REPOSITORY / "deploy" / "kafka" / "pom.xml"
_LOGGING: Final = REPOSITORY / "deploy" / "kafka" / "log4j2.properties"
_START_LIMIT_S: Final = 60
_CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qg"
_HEAP: Final = ("-Xms512m", "-Xmx1g", "-XX:+UseG1GC")
TOPIC_CONFIG: Final = {"retention.ms": "-1", "compression.type": "producer"}


class NoBrokerError(Exception):
    """The machine has no broker to start; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running node."""

    bootstrap: str
    pid: int
    version: str

    def cpu_s(self) -> float:
        """CPU seconds so far, user and system."""
        return process_cpu_s(self.pid)

    def admin(self) -> AdminClient:
        """A client for topics."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 3})

    def fresh_topics(self, names: list[str], partitions: int) -> None:
        """The topics, new and empty; what has their names is deleted first."""
        self.drop(names)
        self._created(dict.fromkeys(names, partitions))

    def ensure_topic(self, name: str, partitions: int) -> None:
        """The topic, as it is where it exists."""
        if name not in self.topics():
            self._created({name: partitions})

    def topics(self) -> set[str]:
        """The names of all topics."""
        return set(self.admin().list_topics(timeout=20).topics)

    def drop(self, names: list[str]) -> None:
        """Delete the topics, and those that were made beside them (`NAME-…`); wait until they are gone."""
        doomed = [
            topic
            for topic in self.topics()
            if any(topic == name or topic.startswith(f"{name}-") for name in names)
        ]
        if not doomed:
            return
        client = self.admin()  # held: its futures end with it
        for future in client.delete_topics(doomed).values():
            future.result()
        limit = time.monotonic() + _START_LIMIT_S
        while self.topics() & set(doomed):
            if time.monotonic() > limit:
                raise NoBrokerError(f"topics {doomed} are not deleted after {_START_LIMIT_S} s")
            client.poll(0.1)

    def _created(self, partitions: dict[str, int]) -> None:
        topics = [NewTopic(name, count, 1, config=TOPIC_CONFIG) for name, count in partitions.items()]
        client = self.admin()
        for future in client.create_topics(topics).values():
            future.result()


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process so far; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """Start the node with its data below the folder; end it afterwards, the data stay. Raises NoBrokerError."""
    libraries = _libraries(folder)
    client_port, control_port = _free_ports()
    bootstrap = f"127.0.0.1:{client_port}"
    data = folder / "data"
    properties = folder / "server.properties"
    properties.write_text("\n".join(_settings(bootstrap, control_port, data)) + "\n")
    java = ["java", "-cp", f"{libraries}/*", f"-Dlog4j2.configurationFile={_LOGGING}"]
    if not (data / "meta.properties").exists():
        command = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            [*java, *_HEAP, "kafka.Kafka", str(properties)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        _await(bootstrap, process)
        yield Broker(bootstrap, process.pid, _version(libraries))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _libraries(folder: Path) -> Path:
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise NoBrokerError(
                f"needs {tool} (on Debian, as root: apt-get install default-jdk-headless maven)"
            )
    libraries = folder / "lib"
    if not any(libraries.glob("kafka_*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mvn", "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={libraries.resolve()}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return libraries


def _version(libraries: Path) -> str:
    return next(path.stem.rpartition("-")[2] for path in libraries.glob("kafka_*.jar"))


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _await(bootstrap: str, process: subprocess.Popen[bytes]) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    limit = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise NoBrokerError(f"the broker ended with {process.returncode}; see broker.log")
        try:
            client.list_topics(timeout=1)
        except KafkaException:
            continue
        return
    raise NoBrokerError(f"the broker does not serve within {_START_LIMIT_S} s; see broker.log")


def _settings(bootstrap: str, control_port: int, data: Path) -> list[str]:
    return [
        "process.roles=broker,controller",
        "node.id=1",
        f"controller.quorum.voters=1@127.0.0.1:{control_port}",
        f"listeners=HOST://{bootstrap},CONTROLLER://127.0.0.1:{control_port}",
        f"advertised.listeners=HOST://{bootstrap}",
        "listener.security.protocol.map=HOST:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names=CONTROLLER",
        "inter.broker.listener.name=HOST",
        f"log.dirs={data.resolve()}",
        "auto.create.topics.enable=false",
        "offsets.topic.replication.factor=1",
        "offsets.topic.num.partitions=1",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "transaction.state.log.num.partitions=1",
        "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1",
        "share.coordinator.state.topic.num.partitions=1",
        "group.initial.rebalance.delay.ms=0",
        # topics of finished runs leave the disk soon
        "log.segment.delete.delay.ms=1000",
    ]
