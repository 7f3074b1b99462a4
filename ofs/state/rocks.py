"""State in RocksDB; the one module that knows rocksdict.

Format `ofs-rocks/v1`: raw bytes; an entry's key is `d` and the caller's key; under `m` stands the name of the format.
A write is one WriteBatch with the write-ahead log on and no sync: a killed process loses nothing, a machine that dies
may lose the last writes, but each of them whole. A RocksDB iterator ends silently at a damaged block, so every scan
asks for the iterator's status when it ends, and fails there. A checkpoint is RocksDB's own: all that was written, in
files that are hard links where they never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    Options,
    Rdict,
    RdictIter,
    WriteBatch,
    WriteOptions,
)

from ofs.errors import StateError

FORMAT: Final = b"ofs-rocks/v1"
_DATA: Final = b"d"
_MARKER: Final = b"m"
_FAMILY: Final = "default"
CACHE_BYTES: Final = 8 * 1024 * 1024
"""What the operating system keeps of the tables serves as well, and need not be made room for in this process."""
_UNMERGED_MAX: Final = 8
"""Tables that a state gathers, one a checkpoint, before they are merged: merging reads and writes all of it."""
_HINT: Final = "remove the state folder, it is rebuilt from the log"


class RocksStateStore:
    """StateStore over one RocksDB folder; made where it is missing. Puts are applied before deletes.

    `cache_bytes`: what of the tables' blocks is kept in memory. `is_logged`: False for a state that is thrown away
    when its process ends; a checkpoint is whole either way. `is_read_only`: nothing in the folder is written.
    Raises StateError where the folder is of another format, damaged, in use, or cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        cache_bytes: int = CACHE_BYTES,
        is_logged: bool = True,
        is_read_only: bool = False,
    ) -> None:
        self._path = Path(path)
        self._closed = False
        self._is_logged = is_logged
        self._is_read_only = is_read_only
        self._writing = WriteOptions()
        self._writing.disable_wal = not is_logged  # type: ignore[method-assign, assignment]  # the stub is wrong
        options = _options(cache_bytes)
        # else the library takes those that lie beside the tables, which tell neither filter nor cache
        families = {_FAMILY: options}
        with self._mapped("cannot be opened"):
            if is_read_only:
                if not self._path.is_dir():  # RocksDB would make it
                    raise StateError(f"state {self._path}: not a folder", hint=_HINT)
                self._db = Rdict(str(self._path), options, families, AccessType.read_only())
            else:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._db = Rdict(str(self._path), options, families)
        try:
            self._check_format()
        except BaseException:
            self.close()
            raise

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        """Apply all or nothing."""
        self._check_open()
        batch = WriteBatch(raw_mode=True)
        for key, value in puts:
            batch.put(_DATA + key, value)
        for key in deletes:
            batch.delete(_DATA + key)
        with self._mapped("cannot be written"):
            self._db.write(batch, self._writing)

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none."""
        self._check_open()
        with self._mapped("cannot be read"):
            value: bytes | None = self._db.get(_DATA + key)
        return value

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        self._check_open()
        if not keys:
            return []
        with self._mapped("cannot be read"):
            values = self._db.get([_DATA + key for key in keys])
        return list(values or ())

    def scan_many(
        self, prefixes: list[bytes], firsts: list[bytes] | None = None
    ) -> list[list[tuple[bytes, bytes]]]:
        """The entries under each prefix, as `scan` gives them, from its first key on.

        By one iterator for all, which goes through them in their order: neighbours share blocks.
        """
        self._check_open()
        if not prefixes:
            return []
        found: list[list[tuple[bytes, bytes]]] = [[]] * len(prefixes)
        pairs = list(zip(firsts or prefixes, prefixes, strict=True))
        with self._mapped("cannot be read"):
            position = self._db.iter()
            for place in sorted(range(len(pairs)), key=pairs.__getitem__):
                first, prefix = pairs[place]
                found[place] = _entries_at(position, _DATA + prefix, _DATA + first)
        return found

    def last(self, prefix: bytes, upto: bytes) -> tuple[bytes, bytes] | None:
        """The last entry under the prefix up to a key."""
        self._check_open()
        with self._mapped("cannot be read"):
            position = self._db.iter()
            position.seek_for_prev(_DATA + upto)
            if not position.valid():
                position.status()  # raises where the iterator ended at a damaged block
                return None
            key: bytes = position.key()
            return (key[len(_DATA) :], position.value()) if key.startswith(_DATA + prefix) else None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key starts with the prefix, in byte order, as they were when the scan began."""
        self._check_open()
        with self._mapped("cannot be read"):
            position = self._db.iter()
            position.seek(_DATA + prefix)
        return self._entries(position, _DATA + prefix)

    def end_merging(self) -> None:
        """Begin no more merges of tables: what they would make is thrown away soon."""
        self._check_open()
        with self._mapped("cannot be written"):
            self._db.set_options({"disable_auto_compactions": "true"})

    def checkpoint(self, path: Path | str) -> None:
        """Make a database of all that was written so far in a new folder, on the same file system.

        Raises StateError where the folder is there already or cannot be written; what was begun there may remain.
        """
        self._check_open()
        with self._mapped("cannot be checkpointed"):
            Checkpoint(self._db).create_checkpoint(str(path))

    def close(self) -> None:
        """Release the folder, flushed but where it is thrown away; calling it again does nothing."""
        if not self._closed:
            self._closed = True
            with self._mapped("cannot be closed"):
                if self._is_logged or self._is_read_only:
                    self._db.close()
                else:
                    # a merge of tables that is at work would be waited for
                    self._db.cancel_all_background(True)  # noqa: FBT003  (the library's signature)
                    del self._db

    def _entries(self, position: RdictIter, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._mapped("cannot be read"):
            while position.valid():
                key: bytes = position.key()
                if not key.startswith(prefix):
                    return
                yield key[len(_DATA) :], position.value()
                self._check_open()
                position.next()
            position.status()  # raises where the iterator ended at a damaged block

    def _check_format(self) -> None:
        with self._mapped("cannot be read"):
            found: bytes | None = self._db.get(_MARKER)
            if found is None and not self._is_read_only and self._is_empty():
                self._db.put(_MARKER, FORMAT, self._writing)
                return
        if found != FORMAT:
            name = "none" if found is None else found.decode(errors="replace")
            raise StateError(
                f"state {self._path}: format expected {FORMAT.decode()}, found {name}", hint=_HINT
            )

    def _is_empty(self) -> bool:
        position = self._db.iter()
        position.seek_to_first()
        if position.valid():
            return False
        position.status()
        return True

    def _check_open(self) -> None:
        if self._closed:
            raise StateError(f"state {self._path}: is closed")

    @contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # rocksdict raises bare Exception
            if isinstance(error, StateError):
                raise
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise StateError(f"state {self._path}: {what}: {line}", hint=_hint_for(line)) from error


def _entries_at(position: RdictIter, prefix: bytes, first: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    position.seek(first)
    key: bytes | None = position.key()
    while key is not None and key.startswith(prefix):
        found.append((key[len(_DATA) :], position.value()))
        position.next()
        key = position.key()
    if key is None:
        position.status()  # raises where the iterator ended at a damaged block
    return found


def _hint_for(line: str) -> str:
    if "No space left" in line:
        return "make room, then run again"
    return "another process has it open" if "lock" in line.lower() else _HINT


def _options(cache_bytes: int) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003  (the library's signature)
    options.set_keep_log_file_num(1)
    options.set_level_zero_file_num_compaction_trigger(_UNMERGED_MAX)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(cache_bytes))
    table.set_bloom_filter(10, False)  # noqa: FBT003  (the library's signature)
    options.set_block_based_table_factory(table)
    return options
