"""The library's exceptions never leave the one module that knows it."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest
from confluent_kafka import KafkaError, KafkaException

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
