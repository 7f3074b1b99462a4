"""The brokers of the integration tests, and the rule that under OFS_REQUIRE_KAFKA=1 nothing here is skipped."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.integration.broker import Broker, NoContainersError, kafka_image
from tests.integration.topics import Topics

OUTPUT_TOPICS = ("ofs.parity.v1", "ofs.snapshots.v1", "ofs.runs.v1", "ofs.deadletter.v1")
HERE = Path(__file__).parent


def _required() -> bool:
    return os.environ.get("OFS_REQUIRE_KAFKA") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder talks to a real broker."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kafka)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under OFS_REQUIRE_KAFKA=1 a skip proves nothing, so it fails."""
    report = yield
    if report.skipped and _required() and HERE in item.path.parents:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"OFS_REQUIRE_KAFKA=1, but: {reason}"
    return report


def _started(name: str) -> Broker:
    try:
        return Broker(image=kafka_image(), name=name).start()
    except NoContainersError as error:
        pytest.skip(f"no Kafka: {error}; run 'make kafka-image', or set OFS_TEST_BOOTSTRAP=HOST:PORT")


@pytest.fixture(scope="session")
def bootstrap() -> Iterator[str]:
    """HOST:PORT of the broker of the session: OFS_TEST_BOOTSTRAP, else a container that is removed at the end.

    Each worker of pytest-xdist is a session, so none meets the topics of another.
    """
    running = os.environ.get("OFS_TEST_BOOTSTRAP")
    if running:
        yield running
        return
    broker = _started("ofs-test-kafka")
    try:
        yield broker.bootstrap
    finally:
        broker.remove()


@pytest.fixture
def second_broker() -> Iterator[Broker]:
    """A node of the test's own, which it may stop."""
    broker = _started("ofs-test-kafka-down")
    try:
        yield broker
    finally:
        broker.remove()


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A node of the module's own: its output topics have fixed names, which a running broker may hold already."""
    broker = _started("ofs-test-kafka-own")
    try:
        yield broker
    finally:
        broker.remove()


@pytest.fixture(scope="session")
def _session_id() -> str:
    # a broker that goes on running has the topics of earlier sessions
    return uuid.uuid4().hex[:8]


@pytest.fixture
def own_topics(own_broker: Broker) -> Iterator[Topics]:
    """Topics and records on the module's own node; all are deleted afterwards."""
    made = Topics(own_broker.bootstrap)
    made.adopt(*OUTPUT_TOPICS)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def topics(bootstrap: str) -> Iterator[Topics]:
    """Topics and records of this test; the topics are deleted afterwards."""
    made = Topics(bootstrap)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def name(request: pytest.FixtureRequest, _session_id: str) -> Callable[[], str]:
    """A topic name that nothing else uses, at every call."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    numbers = itertools.count()
    return lambda: f"{slug}-{_session_id}-{next(numbers)}"
