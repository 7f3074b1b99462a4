"""RocksDB beyond the contract: formats, damage, locks, what stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rocksdict import AccessType, Options, Rdict

from ofs.errors import StateError
from ofs.state.rocks import RocksStateStore


def _write_many(path: Path) -> None:
    """Entries that RocksDB cannot compress away, flushed to a file."""
    store = RocksStateStore(path)
    seed = bytes(range(256))
    store.write((b"k%06d" % n, (seed[n % 200 :] + seed)[:200]) for n in range(20_000))
    store.close()
    reopened = Rdict(str(path), Options(raw_mode=True))
    reopened.flush()
    reopened.close()


def test_entries_stay_after_close(tmp_path: Path) -> None:
    """What was written is there for the next one who opens the folder; missing parents are made."""
    path = tmp_path / "a" / "b"
    store = RocksStateStore(path)
    store.write([(b"k", b"v")])
    store.close()
    again = RocksStateStore(path)
    assert again.get(b"k") == b"v"
    assert list(again.scan(b"")) == [(b"k", b"v")]
    again.close()


def test_killed_process_loses_no_whole_write(tmp_path: Path) -> None:
    """After a kill every write that returned is there, whole."""
    code = (
        "import os, sys\n"
        "from ofs.state.rocks import RocksStateStore\n"
        "store = RocksStateStore(sys.argv[1])\n"
        "for n in range(50):\n"
        "    store.write([(b'a%d' % n, b'1'), (b'b%d' % n, b'2'), (b'frontier', b'%d' % n)])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    path = tmp_path / "state"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    store = RocksStateStore(path)
    assert store.get(b"frontier") == b"49"
    assert len(list(store.scan(b"a"))) == len(list(store.scan(b"b"))) == 50
    store.close()


def test_scan_raises_at_a_damaged_block(tmp_path: Path) -> None:
    """RocksDB's own iterator ends silently there; a scan must not."""
    path = tmp_path / "state"
    _write_many(path)
    table = max(path.glob("*.sst"), key=lambda file: file.stat().st_size)
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 0xFF
    table.write_bytes(data)
    store = RocksStateStore(path)
    with pytest.raises(StateError, match="Corruption"):
        list(store.scan(b""))
    with pytest.raises(StateError, match="Corruption"):
        store.scan_many([b"", b"k"], [b"k0", b"k"])
    with pytest.raises(StateError, match="Corruption"):
        store.get_many([b"k%06d" % n for n in range(20_000)])
    store.close()


def test_folder_of_another_format_is_refused(tmp_path: Path) -> None:
    """A foreign database, one of another format, and one that is not raw are StateErrors that name the folder."""
    foreign = tmp_path / "foreign"
    raw = Rdict(str(foreign), Options(raw_mode=True))
    raw[b"x"] = b"y"
    raw.close()
    newer = tmp_path / "newer"
    RocksStateStore(newer).close()
    raw = Rdict(str(newer), Options(raw_mode=True))
    raw[b"m"] = b"ofs-rocks/v2"
    raw.close()
    cooked = tmp_path / "cooked"
    pickled = Rdict(str(cooked))
    pickled["x"] = 1
    pickled.close()
    for path, found in ((foreign, "found none"), (newer, "found ofs-rocks/v2"), (cooked, "cooked")):
        with pytest.raises(StateError, match=found):
            RocksStateStore(path)
        with pytest.raises(StateError, match=found):
            RocksStateStore(path)


def test_folder_in_use_says_so(tmp_path: Path) -> None:
    """A second store on the same folder is a StateError; after the first is closed it opens."""
    path = tmp_path / "state"
    first = RocksStateStore(path)
    with pytest.raises(StateError, match="another process has it open"):
        RocksStateStore(path)
    first.close()
    RocksStateStore(path).close()


def test_missing_table_file_is_found_at_opening(tmp_path: Path) -> None:
    """A folder with a lost file is not opened as if it were whole."""
    path = tmp_path / "state"
    _write_many(path)
    max(path.glob("*.sst"), key=lambda file: file.stat().st_size).unlink()
    with pytest.raises(StateError):
        RocksStateStore(path)


def test_path_that_is_no_folder_is_one_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be, or above it, is a StateError."""
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "below"):
        with pytest.raises(StateError, match=os.fspath(file)):
            RocksStateStore(path)


@pytest.mark.parametrize("is_logged", [True, False])
def test_a_checkpoint_holds_what_was_written_before_it(tmp_path: Path, is_logged: bool) -> None:
    """Also what is in memory only; it opens as a store of its own, and read-only nothing of it changes."""
    store = RocksStateStore(tmp_path / "state", is_logged=is_logged)
    store.write([(b"a", b"1"), (b"b", b"2")])
    store.checkpoint(tmp_path / "copy")
    store.write([(b"a", b"3")], [b"b"])
    with pytest.raises(StateError, match="cannot be checkpointed"):
        store.checkpoint(tmp_path / "copy")
    store.close()
    before = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    copy = RocksStateStore(tmp_path / "copy", is_read_only=True)
    assert list(copy.scan(b"")) == [(b"a", b"1"), (b"b", b"2")]
    with pytest.raises(StateError):
        copy.write([(b"c", b"4")])
    copy.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == before


def test_an_empty_folder_is_no_state_to_read(tmp_path: Path) -> None:
    """Read-only, nothing is made where nothing is."""
    with pytest.raises(StateError):
        RocksStateStore(tmp_path / "none", is_read_only=True)
    assert not (tmp_path / "none").exists()


def test_no_tables_are_merged_once_merging_has_ended(tmp_path: Path) -> None:
    """Every checkpoint adds a table, also where a merge would be due."""
    store = RocksStateStore(tmp_path / "state", is_logged=False)
    store.end_merging()
    for number in range(12):
        store.write([(b"%d" % number, b"x"), (b"same", b"%d" % number)])
        store.checkpoint(tmp_path / f"checkpoint-{number}")
    store.close()
    assert len(list((tmp_path / "checkpoint-11").glob("*.sst"))) == 12


def test_tables_have_filters_also_in_a_state_that_was_opened_again(tmp_path: Path) -> None:
    """Every table that a state gathers has a filter of its keys, for which it must be opened with its own options."""
    path = tmp_path / "state"
    for turn in range(2):
        store = RocksStateStore(path, is_logged=False)
        store.write((b"k%d-%06d" % (turn, n), b"v") for n in range(5_000))
        store.checkpoint(tmp_path / f"checkpoint-{turn}")
        store.close()
        path = tmp_path / f"checkpoint-{turn}"
    raw = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
    tables = str(raw.property_value("rocksdb.aggregated-table-properties"))
    raw.close()
    told = dict(part.strip().split("=", 1) for part in tables.split(";") if "=" in part)
    assert told["# entries for filter"] == told["# entries"] == "10001"
