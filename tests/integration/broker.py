"""A real Kafka node in a container, for the public image and the local one alike, through testcontainers."""

from __future__ import annotations

import os
import socket
import uuid

# testcontainers reads these when it is imported. Its reaper image may be out of reach: containers are named and
# removed here. The mapped port is always on this machine's loopback.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

import docker
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

PUBLIC_IMAGE = "apache/kafka:4.3.1"
LOCAL_IMAGE = "local/kafka:4.3.1"
START_LIMIT_S = 90


class NoContainersError(Exception):
    """No container can be started here; the message says why."""


def kafka_image() -> str:
    """The image that OFS_KAFKA_IMAGE names, else the public one, else the local one where only that is present.

    Raises NoContainersError where no docker daemon answers.
    """
    _check_daemon()
    named = os.environ.get("OFS_KAFKA_IMAGE")
    if named:
        return named
    try:
        client = docker.from_env()
        try:
            present = {tag for image in client.images.list() for tag in image.tags}
        finally:
            client.close()
    except (docker.errors.DockerException, OSError) as error:
        raise NoContainersError("no docker daemon answers") from error
    return LOCAL_IMAGE if LOCAL_IMAGE in present and PUBLIC_IMAGE not in present else PUBLIC_IMAGE


def _check_daemon() -> None:
    # the client library leaves its socket open where nobody answers
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(address.removeprefix("unix://"))
            except OSError as error:
                raise NoContainersError("no docker daemon answers") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """One KRaft node. `bootstrap` stays the same over stop and start, and so do the data."""

    def __init__(self, *, image: str, name: str) -> None:
        port = _free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        self._image = image
        self._name = f"{name}-{uuid.uuid4().hex[:8]}"
        self._container: DockerContainer | None = None

    def start(self) -> Broker:
        """Create the container and wait until the node serves. Raises NoContainersError."""
        try:
            self._container = DockerContainer(self._image, name=self._name, env=_settings(self.bootstrap))
            # the port is chosen before the start, so that the node can be told what to advertise
            host, port = self.bootstrap.split(":")
            self._container.ports["9092/tcp"] = (host, int(port))  # type: ignore[assignment]  # docker takes it
            self._container.waiting_for(
                LogMessageWaitStrategy("Kafka Server started")
                .with_startup_timeout(START_LIMIT_S)
                .with_poll_interval(0.1)
            ).start()
        except (docker.errors.DockerException, OSError, RuntimeError) as error:
            self.remove()
            reason = " ".join(str(error).split())[:200]
            raise NoContainersError(f"{self._image} does not start: {reason}") from error
        return self

    def stop(self) -> None:
        """Stop the node and keep its data; its address answers nobody from now on."""
        if self._container is not None:
            self._container.get_wrapped_container().stop(timeout=20)

    def crash(self) -> None:
        """Kill the node, which has no time to close its files, and keep its data."""
        if self._container is not None:
            self._container.get_wrapped_container().kill()

    def start_again(self) -> None:
        """Start the node that was stopped, with its data, and wait until it serves. Raises TimeoutError."""
        if self._container is None:
            raise NoContainersError("a node that was removed cannot be started again")
        self._container.get_wrapped_container().start()
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for _ in range(START_LIMIT_S):
            try:
                client.list_topics(timeout=1)
            except KafkaException:
                continue
            return
        raise TimeoutError(f"{self._image} does not serve again within {START_LIMIT_S} s")

    def remove(self) -> None:
        """Remove the container with its data; calling it again does nothing."""
        if self._container is not None:
            self._container.stop()
            self._container = None


def _settings(bootstrap: str) -> dict[str, str]:
    return {
        "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qg",
        # the second compiler pays in hours: without it a start costs a third less
        "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m -XX:TieredStopAtLevel=1",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        # the node reaches itself by a listener of its own: the mapped port is not there inside the container
        "KAFKA_LISTENERS": "HOST://0.0.0.0:9092,INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"HOST://{bootstrap},INTERNAL://127.0.0.1:9094",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,HOST:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LOG_DIRS": "/tmp/kafka-data",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        # compaction within the length of a test
        "KAFKA_LOG_CLEANER_BACKOFF_MS": "200",
        "KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS": "500",
    }
