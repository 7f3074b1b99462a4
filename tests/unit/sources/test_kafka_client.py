"""The library's exceptions never leave the one module that knows it."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest
from confluent_kafka import (
    KafkaError,
    KafkaException,
)
from confluent_kafka.admin import ConfigEntry, ConfigResource

from ofs import kafka_client
from ofs.errors import OfsError, SinkError, SourceError
from ofs.kafka_client import KafkaCluster

_CODES = sorted(
    {
        value
        for name, value in vars(KafkaError).items()
        if name.lstrip("_").isupper() and isinstance(value, int)
    }
)


@pytest.mark.parametrize("error", [SourceError, SinkError])
def test_every_error_of_the_library_becomes_ours(error: type[OfsError]) -> None:
    """Whatever code the library knows, the caller gets its own error class, one line, with the address."""
    cluster = KafkaCluster("host:1", error)
    assert len(_CODES) > 100
    causes = [KafkaException(KafkaError(code)) for code in _CODES]
    for cause in (
        *causes,
        KafkaException("odd"),
        FutureTimeoutError(),
        RuntimeError("closed"),
        ValueError("bad"),
    ):
        with pytest.raises(error) as caught, cluster.mapped("topic t"):
            raise cause
        assert caught.value.message.startswith("Kafka at host:1")
        assert "topic t" in caught.value.message
        assert "\n" not in caught.value.message


def test_address_that_is_none_is_one_clear_error() -> None:
    """An empty address is refused before anything is awaited."""
    with pytest.raises(SourceError, match="address of Kafka is empty"):
        KafkaCluster(" ", SourceError)


class Configs:
    """An admin client that knows the largest batch of some topics."""

    def __init__(self, limits: dict[str, str]) -> None:
        self._limits = limits

    def describe_configs(
        self, resources: list[ConfigResource], request_timeout: float
    ) -> dict[ConfigResource, Future[dict[str, ConfigEntry]]]:
        """A future a topic; of an unknown one it fails."""
        found: dict[ConfigResource, Future[dict[str, ConfigEntry]]] = {}
        for resource in resources:
            found[resource] = Future()
            if resource.name in self._limits:
                entry = ConfigEntry("max.message.bytes", self._limits[resource.name])
                found[resource].set_result({"max.message.bytes": entry})
            else:
                found[resource].set_exception(
                    KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
                )
        return found


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (("wide",), 8_000_000),
        (("wide", "default"), 983_040),
        (("default", "tiny"), 930),
        (("wide", "secret"), 1_000_000),
    ],
)
def test_a_batch_is_as_large_as_every_topic_takes(
    monkeypatch: pytest.MonkeyPatch, topics: tuple[str, ...], expected: int
) -> None:
    """With room for what a batch adds to its records; as any topic takes it where one does not tell."""
    configs = Configs({"wide": str(64 << 20), "default": "1048588", "tiny": "1000"})
    opened: list[dict[str, object]] = []

    class Opened:
        def __init__(self, config: dict[str, object], _failed: object) -> None:
            opened.append(config)

        def init_transactions(self, _timeout_s: float) -> None:
            """Nothing is there to fence."""

    monkeypatch.setattr(KafkaCluster, "_client", lambda _cluster: configs)
    monkeypatch.setattr(kafka_client, "TransactionalProducer", Opened)
    KafkaCluster("host:1", SinkError).writer("run", topics)
    assert [config["batch.size"] for config in opened] == [expected]
