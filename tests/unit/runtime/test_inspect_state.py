"""What inspection shows of a key is what the executable semantics hold of it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofs.canonical import jcs
from ofs.contracts.checkpoint import STATE_FORMAT
from ofs.errors import NotCheckableError, StateError, UsageError
from ofs.features import Registry, canonical_definition
from ofs.native import core
from ofs.runtime.inspect_state import KeyState, Question, inspect_key
from ofs.runtime.state_entries import columns_of, read_contributions, read_scopes
from ofs.semantics.history import PartitionHistory
from ofs.semantics.values import render
from ofs.units import OffsetRange
from tests.property.worlds import KEYS, PINS, World, make_group, make_world
from tests.unit.runtime.folded import fold_into

pytestmark = pytest.mark.skipif(core is None, reason="the native core was not built (make setup)")
SCOPES = [jcs({**pins, **({"seed": str(pins["seed"])} if "seed" in pins else {})}) for pins in PINS[:2]]


def history_of(world: World, stream: str, partition: int) -> PartitionHistory:
    """The partition, folded by the executable semantics."""
    history = PartitionHistory(
        [canonical_definition(group) for group in world.groups],
        SCOPES,
        stream=stream,
        partition=partition,
        start=0,
        max_skew_us=10**15,
    )
    for batch in world.log.read(stream, partition, OffsetRange(0, end_of(world, stream, partition)), 1_000):
        for row in zip(batch.offsets, batch.log_ts_us, batch.values, strict=True):
            history.apply(*row)
    return history


def end_of(world: World, stream: str, partition: int) -> int:
    """The partition's end."""
    info = world.log.describe(stream)
    return 0 if info is None else info.partitions[partition].end


def expected(
    world: World, history: PartitionHistory, group: int, key_id: str, cut: int
) -> Iterator[list[tuple[object, ...]]]:
    """For each scope: event time, offset, log time and the shown values, by event time and offset."""
    definition = canonical_definition(world.groups[group])
    kinds = {
        str(feature["field"]): feature["type"]
        for feature in history.definitions[group]["features"]
        if "field" in feature
    }
    assert definition == history.definitions[group]
    for pins in sorted(SCOPES):
        entries = [e for e in history.contributions(group, pins, key_id) if e.offset < cut]
        yield [
            (
                entry.event_time_us,
                entry.offset,
                entry.log_ts_us,
                *(
                    None
                    if (value := entry.values[column.field]) is None
                    else render(value, kinds[column.field])
                    for column in columns_of(world.groups[group])
                ),
            )
            for entry in sorted(entries, key=lambda entry: entry.order)
        ]


def shown(state: KeyState) -> list[list[tuple[object, ...]]]:
    """What was inspected, in the same form."""
    return [
        [(event.time_us, event.offset, event.log_ts_us, *event.values) for event in scope.contributions]
        for scope in state.scopes
    ]


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_inspection_shows_what_the_semantics_hold(chance: random.Random) -> None:
    """For any log, definition, key and cut: times, offsets and every value, whatever the batches were."""
    world = make_world(chance)
    partition = chance.randrange(world.streams["cards"])
    end = end_of(world, "cards", partition)
    history = history_of(world, "cards", partition)
    registry = Registry.of(world.groups)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        groups = list(registry)
        taken = fold_into(
            root, world.log, "cards", partition, groups, SCOPES, batch_size=chance.choice((1, 7, 1_000))
        )
        for _ in range(4):
            group, key_id = chance.randrange(len(groups)), str(chance.choice(KEYS))
            cut = chance.choice((None, 0, chance.randint(0, end)))
            key_type = world.groups[group].key.type
            question = Question("cards", partition, groups[group].name, "v1", key_type, key_id, cut)
            found = inspect_key(root, registry, question)
            assert shown(found) == list(expected(world, history, group, key_id, end if cut is None else cut))
            assert [scope.pins for scope in found.scopes] == sorted(SCOPES)
            assert (found.manifest, found.others) == (taken, ())


def test_the_state_format_is_that_of_the_core() -> None:
    """A state's identity names the encoding that the core writes."""
    assert core is not None
    assert core.ENGINE_FORMAT == STATE_FORMAT


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Registry, World]:
    """One partition with checkpoints at two cuts, and at a third for one group alone."""
    worlds = (make_world(random.Random(seed), events_max=200) for seed in range(100))
    world = next(one for one in worlds if end_of(one, "cards", 0) >= 20 and len(one.groups) > 1)
    root, registry = tmp_path_factory.mktemp("state"), Registry.of(world.groups)
    for end in (10, 15):
        fold_into(root, world.log, "cards", 0, list(registry), SCOPES, end=end)
    fold_into(root, world.log, "cards", 0, list(registry)[:1], SCOPES, end=18)
    return root, registry, world


def ask(scene: tuple[Path, Registry, World], group: int = 1, **members: object) -> Question:
    """A question on the scene."""
    definition = scene[2].groups[group]
    given = {
        "stream": "cards",
        "partition": 0,
        "group": definition.name,
        "version": "v1",
        "key_type": definition.key.type,
        "key_id": "A",
        **members,
    }
    return Question(**given)  # type: ignore[arg-type]  # the members of a question


@pytest.mark.parametrize(
    ("cut", "chosen"), [(None, (15, 15)), (0, (0, 10)), (10, (10, 10)), (11, (11, 15)), (15, (15, 15))]
)
def test_the_checkpoint_nearest_to_the_cut_answers(
    scene: tuple[Path, Registry, World], cut: int | None, chosen: tuple[int, int]
) -> None:
    """(cut, checkpoint); without a cut the newest."""
    found = inspect_key(scene[0], scene[1], ask(scene, cut=cut))
    assert (found.cut, found.manifest.frontier) == chosen


def test_another_state_that_could_answer_is_named(scene: tuple[Path, Registry, World]) -> None:
    """It can be asked for by the beginning of its id, and gives the same events."""
    newest = inspect_key(scene[0], scene[1], ask(scene, group=0))
    assert newest.cut == 18
    (other,) = newest.others
    found = inspect_key(scene[0], scene[1], ask(scene, group=0, state_id=other[:8], cut=15))
    assert found.manifest.state_id == other
    assert shown(found) == shown(inspect_key(scene[0], scene[1], ask(scene, group=0, cut=15)))


def test_latest_is_the_version_published_last(scene: tuple[Path, Registry, World]) -> None:
    """As elsewhere, and the answer says which that is."""
    found = inspect_key(scene[0], scene[1], ask(scene, version="latest"))
    assert found.definition.version == "v1"


def test_what_no_checkpoint_holds_is_not_checkable(scene: tuple[Path, Registry, World]) -> None:
    """A cut beyond every checkpoint, and a group, stream or state that has none, are said as such."""
    for members, message in (
        ({"cut": 16}, r"no checkpoint of \w+:v1 of cards:0 can answer cut 16"),
        ({"stream": "other"}, "no checkpoint holds"),
        ({"partition": 9}, "no checkpoint holds"),
        ({"state_id": "x"}, "no checkpoint holds"),
    ):
        with pytest.raises(NotCheckableError, match=message):
            inspect_key(scene[0], scene[1], ask(scene, **members))


def test_a_question_that_cannot_be_meant_is_a_usage_error(scene: tuple[Path, Registry, World]) -> None:
    """An unpublished version, and a key of another type than the group's."""
    with pytest.raises(UsageError, match="not published"):
        inspect_key(scene[0], scene[1], ask(scene, version="v9"))
    with pytest.raises(UsageError, match="is keyed by"):
        inspect_key(scene[0], scene[1], ask(scene, key_type="other"))


@given(data=st.binary(max_size=40), chance=st.randoms(use_true_random=False))
def test_bytes_that_are_no_entry_are_an_error_or_entries(data: bytes, chance: random.Random) -> None:
    """Never a crash, never a hang."""
    columns = columns_of(make_group(chance, "g"))
    for read in (lambda: read_contributions(data, columns), lambda: read_scopes(data)):
        try:
            assert isinstance(read(), list)
        except StateError:
            continue
