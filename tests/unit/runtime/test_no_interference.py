"""A run never writes to what it reads."""

from __future__ import annotations

import random

import pytest

import ofs
from ofs.errors import UsageError
from ofs.features import Registry
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from tests.property.harness import decision_lines
from tests.property.worlds import make_world


@pytest.mark.parametrize("topic", ["cards", "decisions.v1"])
def test_output_topic_is_refused_when_it_is_an_input(topic: str) -> None:
    """A sink that would write to a stream of the decisions, or to their own topic, is refused before it begins."""
    world = make_world(random.Random(1))
    sink = MemorySink()
    sink.topics = frozenset({topic})
    with pytest.raises(UsageError, match=f"topic {topic} is an input of this run"):
        ofs.replay(
            events=world.log,
            decisions=MemoryDecisionSource(decision_lines(world.decisions), "decisions.v1"),
            features=Registry.of(world.groups),
            sink=sink,
        )
    assert sink.run is None
