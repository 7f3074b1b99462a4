"""The data of a workload on disk: archive, registry, decisions with their true hashes. Made once, from the seed.

A finished piece has its own name; what is being made has another, so a kill leaves nothing that looks whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from ofs.canonical import jcs, sha256_hex
from ofs.ports import TIMESTAMP_CREATE, RecordBatch
from ofs.sources.archive.manifest import (
    FORMAT,
    Manifest,
    PartitionEntry,
    partition_folder,
    save_manifest,
    stream_folder,
)
from ofs.sources.archive.write import PartitionWriter, empty_entry
from tests.bench import texts
from tests.bench.definitions import Definition, names, publish
from tests.bench.recording import record_hashes
from tests.bench.streams import PARTITIONS, Events, Traffic, draw

T = TypeVar("T")
_BATCH: Final = 32_768


@dataclass(frozen=True)
class Dataset:
    """One stream of so many events below a folder."""

    root: Path
    traffic: Traffic
    count: int

    @property
    def folder(self) -> Path:
        return self.root / f"{self.traffic.stream}-{self.count}"

    @property
    def archive(self) -> Path:
        """What OFS is given as `archive:DIR`."""
        return self.folder / "archive"

    @cached_property
    def events(self) -> Events:
        return draw(self.traffic, self.count)

    def prepare(self) -> None:
        """Write the archive where it is not there yet: two processes, half of the records each, about."""
        target = stream_folder(self.archive, self.traffic.stream)
        if target.exists():
            return
        aside = self.folder / "archive.partial"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        largest_first = np.argsort(self.events.counts())[::-1].tolist()
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            parts = {
                number: pool.submit(_write_partition, self.traffic, self.count, number, aside)
                for number in largest_first
            }
            entries = [parts[number].result() for number in range(PARTITIONS)]
        identity = {"content_roots": [entry.content_root for entry in entries], "stream": self.traffic.stream}
        manifest = Manifest(
            format=FORMAT,
            stream=self.traffic.stream,
            archive_id=sha256_hex(jcs(identity)),
            timestamps="create",
            partitions=tuple(entries),
        )
        save_manifest(aside, manifest)
        self.archive.mkdir(exist_ok=True)
        aside.rename(target)

    def registry(self, name: str, definitions: list[Definition]) -> Path:
        """The registry's folder of a definition set."""
        return publish(definitions, self.folder / f"registry-{name}")

    def decisions(
        self,
        name: str,
        definitions: list[Definition],
        *,
        first: int = 0,
        end: int | None = None,
        step: int = 1,
        is_hashed: bool = True,
    ) -> Path:
        """Decisions of the events `[first, end)`, one each `step`, with the hashes that OFS finds; made where missing.

        `is_hashed`: False leaves the hashes out.
        """
        path = self.folder / f"decisions-{name}.ndjson"
        if path.exists():
            return path
        self.prepare()
        events = self.events if end is None else self.events.prefix(end)
        plain = self.folder / f"decisions-{name}.plain.ndjson"
        with plain.open("wb") as file:
            file.writelines(
                line + b"\n"
                for line in texts.decisions(self.traffic.stream, names(definitions), events, first, step)
            )
        if is_hashed:
            partial = plain.with_suffix(".partial")
            record_hashes(self.archive, plain, self.registry(name, definitions), partial)
            partial.replace(plain)
        plain.rename(path)
        return path


def _write_partition(traffic: Traffic, count: int, partition: int, folder: Path) -> PartitionEntry:
    """Write one partition's files; in a process of its own."""
    events = draw(traffic, count)
    chosen = np.flatnonzero(events.partition == partition)
    writer = PartitionWriter(partition_folder(folder, partition), empty_entry(partition, 0), tail=[])
    for start in range(0, len(chosen), _BATCH):
        part = chosen[start : start + _BATCH]
        writer.write(
            RecordBatch(
                stream=traffic.stream,
                partition=partition,
                offsets=events.offset[part].tolist(),
                log_ts_us=(events.log_ms[part] * 1_000).tolist(),
                ts_types=[TIMESTAMP_CREATE] * len(part),
                keys=[texts.account_id(account).encode() for account in events.account[part].tolist()],
                values=list(texts.envelopes(events, part)),
                headers=None,
            )
        )
    writer.cover(len(chosen))
    return writer.entry


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
