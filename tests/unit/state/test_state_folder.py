"""States and their checkpoints on disk: what survives, what is shared, what is refused, what is thrown away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest

from ofs.contracts.checkpoint import CheckpointManifest
from ofs.errors import StateError
from ofs.state.folder import StateFolder
from ofs.testing.state_contract import check_state_store
from ofs.units import OffsetRange
from tests.unit.state.scene import (
    FRONTIER,
    STREAM,
    facts,
    fold_to,
    folder_of,
    held_by,
    identity,
    with_checkpoints,
)


def frontiers(root: Path) -> list[int]:
    """The cuts of the checkpoints that are there."""
    return [manifest.frontier for manifest in StateFolder(root).checkpoints(STREAM, 3)]


def own_tables(root: Path, manifest: CheckpointManifest, before: CheckpointManifest) -> list[Path]:
    """The table files that a checkpoint does not share with the one before."""
    known = {file.name for file in before.files}
    return [path for path in sorted(folder_of(root, manifest).glob("db/*.sst")) if path.name not in known]


def snapshot_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_live_state_is_a_state_store(tmp_path: Path) -> None:
    """It keeps the contract of every store."""
    numbers = iter(range(99))
    check_state_store(lambda: StateFolder(tmp_path).open(identity(start=next(numbers))))


def test_a_state_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """What was written up to the cut is there, what was written afterwards is not."""
    folder = StateFolder(tmp_path)
    first = folder.open(identity())
    assert first.checkpoint is None
    fold_to(first, 10)
    taken = first.take(facts(10))
    fold_to(first, 15)
    assert held_by(first) == 15
    first.close()
    second = StateFolder(tmp_path).open(identity(), StateFolder(tmp_path).checkpoints(STREAM, 3))
    assert second.checkpoint == taken
    assert second.identity == identity()
    assert held_by(second) == 10
    fold_to(second, 30)
    second.take(facts(30))
    second.close()
    assert frontiers(tmp_path) == [10, 30]


def test_a_manifest_says_what_the_run_said(tmp_path: Path) -> None:
    """State, cut, watermark, digests and run stand in it, also integers that canonical JSON writes as text."""
    large = 2**62
    state = StateFolder(tmp_path).open(identity(start=2**53))
    taken = state.take(facts(large, watermark_us=-(2**60), topic_id=None, start_from="bound"))
    state.close()
    (found,) = StateFolder(tmp_path).checkpoints(STREAM, 3)
    assert found == taken
    assert (found.since, found.frontier, found.watermark_us) == (2**53, large, -(2**60))
    assert (found.state_id, found.topic_id, found.start_from) == (
        identity(start=2**53).state_id,
        None,
        "bound",
    )
    assert (found.input_digest, found.created_from) == (f"{large:064x}", "cc" * 32)
    assert found.size_bytes == sum(file.size_bytes for file in found.files) > 0


def test_what_was_not_read_is_carried_from_checkpoint_to_checkpoint(tmp_path: Path) -> None:
    """A gap that one run passed over is still one for the next; what lies beyond the cut does not count yet."""
    state = StateFolder(tmp_path).open(identity())
    taken = state.take(facts(10, unread=(OffsetRange(3, 5), OffsetRange(9, 40))))
    assert taken.unread == ((3, 5), (9, 10))
    state.close()
    state = StateFolder(tmp_path).open(identity(), [taken])
    assert state.take(facts(50, unread=(OffsetRange(10, 40),))).unread == ((3, 5), (9, 40))
    state.close()


def test_a_checkpoint_is_never_written_into(tmp_path: Path) -> None:
    """Folding on from it, far enough to rewrite tables, leaves its files and their times as they were."""
    (taken,) = with_checkpoints(tmp_path, 2_000)
    before = snapshot_of(folder_of(tmp_path, taken))
    state = StateFolder(tmp_path).open(identity(), [taken])
    for frontier in range(2_100, 3_000, 100):
        fold_to(state, frontier)
        state.take(facts(frontier))
    assert held_by(state) == 2_900
    state.close()
    assert snapshot_of(folder_of(tmp_path, taken)) == before


def test_checkpoints_are_thinned_out_on_the_way(tmp_path: Path) -> None:
    """After each one, what the policy gives up is removed; those that stay can be opened."""
    taken = with_checkpoints(tmp_path, *range(1, 21), keep=2)
    assert frontiers(tmp_path) == [1, 8, 16, 18, 19, 20]
    for manifest in (taken[0], taken[7], taken[19]):
        state = StateFolder(tmp_path).open(identity(), [manifest])
        assert held_by(state) == manifest.frontier
        state.close()


def test_the_same_cut_is_taken_once(tmp_path: Path) -> None:
    """A second run over the same records finds the checkpoint there, and it stays as it was made."""
    (taken,) = with_checkpoints(tmp_path, 10)
    state = StateFolder(tmp_path).open(identity())
    fold_to(state, 10)
    again = state.take(facts(10, created_from="dd" * 32))
    state.close()
    assert again == taken
    assert frontiers(tmp_path) == [10]


def test_the_same_cut_of_other_records_is_refused(tmp_path: Path) -> None:
    """A log that gave other bytes under the same offsets is not papered over."""
    with_checkpoints(tmp_path, 10)
    state = StateFolder(tmp_path).open(identity())
    fold_to(state, 10)
    with pytest.raises(StateError, match="made from other records"):
        state.take(facts(10, input_digest="ee" * 32))
    state.close()
    assert frontiers(tmp_path) == [10]


def test_a_failed_checkpoint_leaves_none_and_the_state_usable(tmp_path: Path) -> None:
    """Where it cannot be put in its place, nothing of it is there, and the run may go on."""
    state = StateFolder(tmp_path).open(identity())
    fold_to(state, 10)
    (blocked,) = tmp_path.glob("*/3/*")
    (blocked / "checkpoints").write_text("in the way")
    with pytest.raises(StateError):
        state.take(facts(10))
    (blocked / "checkpoints").unlink()
    fold_to(state, 20)
    state.take(facts(20))
    assert held_by(state) == 20
    state.close()
    assert frontiers(tmp_path) == [20]
    assert [path.name for path in blocked.iterdir()] == ["checkpoints"]


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_used(tmp_path: Path) -> None:
    """Said in a notice; the damaged one is never offered again."""
    taken = with_checkpoints(tmp_path, 10, 20)
    damaged = own_tables(tmp_path, taken[1], taken[0])[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    folder = StateFolder(tmp_path)
    state = folder.open(identity(), taken[::-1])
    assert held_by(state) == 10
    state.close()
    (notice,) = folder.notices
    assert "damaged and set aside as 00000000000000000020.damaged" in notice
    assert f"{damaged.name}: size expected" in notice
    assert frontiers(tmp_path) == [10]


def test_damage_in_a_shared_table_is_found_in_every_checkpoint_that_has_it(tmp_path: Path) -> None:
    """A table is one file under several names: all of these checkpoints are set aside, and one without it is used."""
    taken = with_checkpoints(tmp_path, 10, 20, 30)
    shared = own_tables(tmp_path, taken[1], taken[0])[0]
    assert shared.name in {file.name for file in taken[2].files}
    data = bytearray(shared.read_bytes())
    data[len(data) // 2] ^= 1
    shared.write_bytes(data)
    folder = StateFolder(tmp_path)
    state = folder.open(identity(), taken[::-1])
    assert held_by(state) == 10
    state.close()
    assert len(folder.notices) == 2
    assert frontiers(tmp_path) == [10]


def test_a_checkpoint_has_the_digest_of_a_table_as_it_was_checked(tmp_path: Path) -> None:
    """What changes in a table behind that is found by whoever goes on from the new checkpoint."""
    (taken,) = with_checkpoints(tmp_path, 3_000)
    folder = StateFolder(tmp_path)
    state = folder.open(identity(), [taken])
    (table,) = own_tables(tmp_path, taken, taken.model_copy(update={"files": ()}))
    data, times = bytearray(table.read_bytes()), table.stat()
    data[100] ^= 1
    table.write_bytes(data)
    os.utime(table, ns=(times.st_atime_ns, times.st_mtime_ns))
    state.write([(FRONTIER, b"3001"), (b"k%09d" % 3_000, b"v")])
    later = state.take(facts(3_001))
    state.close()
    assert {file.name: file for file in taken.files}[table.name] in later.files
    assert [StateFolder(tmp_path).examine(manifest) for manifest in (taken, later)] == [False, False]


def test_with_no_sound_checkpoint_the_state_is_empty(tmp_path: Path) -> None:
    """A candidate that is damaged and one that is gone are passed over; only the damaged one is worth a notice."""
    taken = with_checkpoints(tmp_path, 10, 20)
    (folder_of(tmp_path, taken[0]) / "manifest.json").unlink()
    gone = folder_of(tmp_path, taken[1])
    gone.rename(tmp_path / "elsewhere")
    folder = StateFolder(tmp_path)
    state = folder.open(identity(start=0), taken)
    assert (state.checkpoint, held_by(state)) == (None, 0)
    state.close()
    assert len(folder.notices) == 1


def test_a_damaged_checkpoint_at_the_same_cut_is_replaced(tmp_path: Path) -> None:
    """Taking it again sets the damaged one aside and puts a sound one there."""
    (taken,) = with_checkpoints(tmp_path, 10)
    options = next(folder_of(tmp_path, taken).glob("db/OPTIONS-*"))
    options.unlink()
    options.write_text("x")
    folder = StateFolder(tmp_path)
    state = folder.open(identity())
    fold_to(state, 10)
    state.take(facts(10))
    state.close()
    assert len(folder.notices) == 1
    state = StateFolder(tmp_path).open(identity(), StateFolder(tmp_path).checkpoints(STREAM, 3))
    assert held_by(state) == 10
    state.close()


def test_without_the_tables_digests_damage_is_found_when_it_is_read(tmp_path: Path) -> None:
    """Then the checkpoint is examined and set aside, and the run that is started again does without it."""
    (taken,) = with_checkpoints(tmp_path, 3_000)
    folder = StateFolder(tmp_path, reads_tables=False)
    assert folder.examine(taken) is True
    (table,) = own_tables(tmp_path, taken, taken.model_copy(update={"files": ()}))
    data = bytearray(table.read_bytes())
    data[100] ^= 1
    table.write_bytes(data)
    state = folder.open(identity(), [taken])
    with pytest.raises(StateError, match="Corruption"):
        held_by(state)
    state.close()
    assert list(folder.notices) == []
    assert [folder.examine(taken) for _ in range(2)] == [False, False]
    assert len(folder.notices) == 1
    assert folder.checkpoints(STREAM, 3) == []


def test_damage_a_second_time_keeps_both(tmp_path: Path) -> None:
    """What is set aside is evidence: the second does not take the first one's place."""
    for _ in range(2):
        (taken,) = with_checkpoints(tmp_path, 10)
        (folder_of(tmp_path, taken) / "manifest.json").write_text("{}")
        assert frontiers(tmp_path) == []
    names = sorted(path.name for path in tmp_path.glob("*/3/*/checkpoints/*"))
    assert names == ["00000000000000000010.damaged", "00000000000000000010.damaged-2"]


def test_states_of_other_definitions_lie_apart(tmp_path: Path) -> None:
    """Each has its checkpoints; all of a partition's are offered to the planner, and each opens as what it is."""
    one = with_checkpoints(tmp_path, 10)
    two = with_checkpoints(tmp_path, 20, of=identity(group_digests=["aa" * 32], max_skew_us=6))
    found = StateFolder(tmp_path).checkpoints(STREAM, 3)
    assert sorted(m.frontier for m in found) == [10, 20]
    assert one[0].state_id != two[0].state_id
    assert StateFolder(tmp_path).checkpoints(STREAM, 2) == []
    assert StateFolder(tmp_path / "none").checkpoints(STREAM, 3) == []
    state = StateFolder(tmp_path).open(identity(), two)
    assert state.identity == two[0].state
    state.close()


def test_a_checkpoint_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    """It is whole, so it is neither used nor set aside, and that is said."""
    from ofs.canonical import jcs, sha256_hex

    (taken,) = with_checkpoints(tmp_path, 10)
    members = {**taken.to_dict(), "format": "ofs-checkpoint/v2"}
    path = folder_of(tmp_path, taken) / "manifest.json"
    path.write_bytes(jcs({**members, "manifest_sha256": sha256_hex(jcs(members))}) + b"\n")
    folder = StateFolder(tmp_path)
    assert folder.checkpoints(STREAM, 3) == []
    assert "format expected ofs-checkpoint/v1, found 'ofs-checkpoint/v2'" in folder.notices[0]
    assert path.exists()


def test_a_manifest_in_another_place_is_not_believed(tmp_path: Path) -> None:
    """A checkpoint that was copied to another cut or state is damage, though all its digests hold."""
    (taken,) = with_checkpoints(tmp_path, 10)
    path = folder_of(tmp_path, taken)
    path.rename(path.with_name("00000000000000000011"))
    folder = StateFolder(tmp_path)
    assert folder.checkpoints(STREAM, 3) == []
    assert "is that of another checkpoint" in folder.notices[0]


def test_two_runs_use_one_state_at_once(tmp_path: Path) -> None:
    """Each folds on its own, and each one's checkpoints serve the other."""
    (taken,) = with_checkpoints(tmp_path, 10)
    one, two = (StateFolder(tmp_path).open(identity(), [taken]) for _ in range(2))
    fold_to(one, 20)
    fold_to(two, 30)
    one.take(facts(20))
    two.take(facts(30))
    assert (held_by(one), held_by(two)) == (20, 30)
    one.close()
    two.close()
    assert frontiers(tmp_path) == [10, 20, 30]


def test_threads_take_the_same_checkpoint_at_once(tmp_path: Path) -> None:
    """Whoever is first makes it, the others find it."""
    barrier, found = Barrier(3), list[CheckpointManifest]()

    def run() -> None:
        state = StateFolder(tmp_path).open(identity())
        fold_to(state, 10)
        barrier.wait()
        found.append(state.take(facts(10)))
        state.close()

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert found[0] == found[1] == found[2]
    assert frontiers(tmp_path) == [10]


def test_what_a_killed_run_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    """Its checkpoints survive it; its live folder, with a checkpoint begun in it, does not. A living one's stays."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from ofs.state.folder import StateFolder\n"
        "from tests.unit.state.scene import facts, fold_to, identity\n"
        "state = StateFolder(sys.argv[1]).open(identity())\n"
        "fold_to(state, 10)\n"
        "state.take(facts(10))\n"
        "fold_to(state, 20)\n"
        "live = next(Path(sys.argv[1]).glob('*/3/*/live-*'))\n"
        "(live / 'checkpoint').mkdir()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    living = StateFolder(tmp_path).open(identity())
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=environment)
    assert done.returncode == -9
    assert len(list(tmp_path.glob("*/3/*/live-*"))) == 2
    state = StateFolder(tmp_path).open(identity(), StateFolder(tmp_path).checkpoints(STREAM, 3))
    assert held_by(state) == 10
    assert len(list(tmp_path.glob("*/3/*/live-*"))) == 2
    fold_to(living, 5)
    state.close()
    living.close()
    assert list(tmp_path.glob("*/3/*/live-*")) == []


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    """The live folder is thrown away once."""
    state = StateFolder(tmp_path).open(identity())
    state.close()
    state.close()
    with pytest.raises(StateError, match="closed"):
        state.get(b"k")


def test_a_state_folder_that_is_no_folder_is_one_clear_error(tmp_path: Path) -> None:
    """The path is named."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StateError, match=str(file)):
        StateFolder(file).open(identity())
