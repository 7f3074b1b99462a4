"""What a Kafka sink refuses before it talks to a broker."""

from __future__ import annotations

import pytest

from ofs.errors import UsageError
from ofs.sinks.kafka import KafkaSink, SinkTopics


def test_input_topic_is_never_an_output() -> None:
    """Whichever output has the name of an input, the sink is refused."""
    for name in ("ofs.parity.v1", "ofs.snapshots.v1", "ofs.runs.v1", "ofs.deadletter.v1"):
        with pytest.raises(UsageError, match=f"topic {name} is an input"):
            KafkaSink("127.0.0.1:1").begin("0" * 64, ["events", name])


def test_two_outputs_need_two_topics() -> None:
    """One topic for two outputs is refused."""
    with pytest.raises(UsageError, match="same topic"):
        KafkaSink("127.0.0.1:1", topics=SinkTopics(parity="ofs.runs.v1"))
