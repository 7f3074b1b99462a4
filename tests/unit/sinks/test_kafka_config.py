"""What a Kafka sink refuses before it talks to a broker."""

from __future__ import annotations

import pytest

from ofs.errors import UsageError
from ofs.sinks.kafka import KafkaSink, SinkTopics


def test_two_outputs_need_two_topics() -> None:
    """One topic for two outputs is refused."""
    with pytest.raises(UsageError, match="same topic"):
        KafkaSink("127.0.0.1:1", topics=SinkTopics(parity="ofs.runs.v1"))
