"""What all parts share: folders, sizes, the datasets, the broker while it is needed, and how programs are run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.bench import broker as kafka
from tests.bench.broker import Broker
from tests.bench.dataset import Dataset
from tests.bench.definitions import WINDOWS_US
from tests.bench.measure import Measured, run_measured
from tests.bench.streams import LATE_US, PER_EVENT, even_traffic, long_traffic

PEERS: Final = Path(__file__).resolve().parent / "peers"
LIMIT_S: Final = 420.0
OFS_TOPICS: Final = ("ofs.parity.v1", "ofs.snapshots.v1", "ofs.runs.v1", "ofs.deadletter.v1", "ofs.rows.v1")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Events of each workload. `prefix`: what slow peers get of a stream."""

    per_event: int = 1_000_000
    long: int = 10_000_000
    long_judged: int = 1_000_000
    prefix: int = 1_000_000
    wide: int = 500_000
    operators: int = 100_000
    semantics: int = 2_000
    batch: tuple[int, int] = (1_000_000, 10_000_000)
    batch_distance: int = 100_000
    batch_decisions: int = 1_000
    keys: tuple[int, int] = (10_000, 50_000)
    key_events: int = 50
    many_keys: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    many_keys_events: int = 200_000
    scaling: tuple[int, ...] = (125_000, 250_000, 500_000, 1_000_000)


SMALL: Final = Sizes(
    per_event=100_000,
    long=300_000,
    long_judged=50_000,
    prefix=100_000,
    wide=20_000,
    operators=20_000,
    semantics=500,
    batch=(150_000, 300_000),
    batch_distance=20_000,
    keys=(1_000, 4_000),
    many_keys=(100, 10_000),
    many_keys_events=20_000,
    scaling=(25_000, 50_000, 100_000),
)
"""For trying the suite itself; no figure of it means anything."""


@dataclass
class Scene:
    """One session of the suite. `root`: where data, programs and results are kept."""

    root: Path
    sizes: Sizes
    runs: int
    python: Path
    is_profiled: bool = False
    only: frozenset[str] = frozenset()
    _stack: ExitStack = field(default_factory=ExitStack)
    _number: int = 0

    @cached_property
    def broker(self) -> Broker:
        """The broker; started at its first use, ended with the session."""
        return self._stack.enter_context(kafka.running(self.root / "broker"))

    @property
    def data(self) -> Path:
        return self.root / "data"

    def per_event(self, count: int | None = None) -> Dataset:
        """The skewed stream, or a prefix of it."""
        return Dataset(self.data, PER_EVENT, self.sizes.per_event if count is None else count)

    def long(self, count: int | None = None) -> Dataset:
        """30 days, or the beginning of them."""
        return Dataset(self.data, long_traffic(self.sizes.long), self.sizes.long if count is None else count)

    def even(self, keys: int, events: int) -> Dataset:
        """So many keys, all alike."""
        return Dataset(self.data, even_traffic(keys, events), events)

    def close(self) -> None:
        """End the broker."""
        self._stack.close()

    def scratch(self, name: str) -> Path:
        """A new, empty folder of one run; the one before under that name is removed."""
        folder = self.root / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def say(self, text: str) -> None:
        """Progress, on stderr."""
        sys.stderr.write(f"bench: {text}\n")
        sys.stderr.flush()

    def ofs(self, name: str, call: str, arguments: dict[str, Any], *, uses_broker: bool) -> Measured:
        """One run of OFS in a fresh process; `{work}` in texts among the arguments is the run's own folder."""
        work = self.scratch(name)
        filled = {
            key: value.replace("{work}", str(work)) if isinstance(value, str) else value
            for key, value in arguments.items()
        }
        self.warm(filled.values())
        profile = str(work / "profile.json") if self.is_profiled else None
        spec = work / "spec.json"
        spec.write_text(json.dumps({"call": call, "arguments": filled, "profile": profile}), "utf-8")
        if uses_broker:
            self.broker.drop(list(OFS_TOPICS))
        return run_measured(
            [sys.executable, "-m", "tests.bench.jobs", spec],
            log=work / "log",
            limit_s=LIMIT_S,
            broker=self.broker if uses_broker else None,
        )

    def cli(self, name: str, arguments: list[str], work: Path) -> Measured:
        """One run of the command `ofs` with `--json`, as a user types it; its summary is the result."""
        self.warm(arguments)
        command = [sys.executable, "-m", "ofs", *arguments, "--json"]
        return run_measured(command, log=work / f"{name}.log", limit_s=LIMIT_S, result_of=_summary)

    def peer(self, peer: str, job: dict[str, Any], *, uses_broker: bool) -> Measured:
        """One run of a peer's program on a job; see tests/bench/peers/README.md."""
        work = self.scratch(f"{peer}-{job['mode'] or 'only'}")
        self.warm([job["archive"]] if not uses_broker else [])
        spec = work / "spec.json"
        state = work / "state"
        state.mkdir()
        spec.write_text(
            json.dumps(
                {
                    "threads": 2,
                    "late_us": LATE_US,
                    "windows_us": WINDOWS_US,
                    "limit_s": LIMIT_S,
                    "groups": [],
                    **job,
                    "work": str(state),
                    "bootstrap": self.broker.bootstrap if uses_broker else None,
                }
            ),
            "utf-8",
        )
        return run_measured(
            [PEERS / peer / "run", self.build(peer), spec],
            log=work / "log",
            limit_s=LIMIT_S,
            broker=self.broker if uses_broker else None,
            environment=self.environment(),
        )

    def warm(self, inputs: Iterable[Any]) -> None:
        """Read once what is there under these paths, some as `archive:PATH`: no run waits for the disk that another
        does not wait for, because what was not read for a while was dropped from memory.
        """
        for path in (Path(text.removeprefix("archive:")) for text in inputs if isinstance(text, str)):
            for file in (path, *path.rglob("*")) if path.is_absolute() else ():
                if file.is_file():
                    with file.open("rb", buffering=0) as stream:
                        while stream.read(1 << 24):
                            pass

    def warm_topic(self, name: str) -> None:
        """The same for a topic of the broker."""
        self.warm(map(str, (self.root / "broker" / "data").glob(f"{name}-*")))

    def prepare_peer(self, peer: str) -> str | None:
        """Fetch and compile what the peer needs. Returns why it cannot run here, None where it can."""
        script = PEERS / peer / "prepare"
        if not (PEERS / peer / "run").exists():
            return "not part of this version"
        if script.exists():
            build = self.build(peer)
            build.mkdir(parents=True, exist_ok=True)
            ended = subprocess.run(
                [script, build],
                check=False,
                env={**os.environ, **self.environment()},
                capture_output=True,
                text=True,
            )
            if ended.returncode != 0:
                lines = ended.stderr.strip().splitlines() or [f"prepare ended with {ended.returncode}"]
                return lines[-1]
        return None

    def build(self, peer: str) -> Path:
        """Where the peer's programs are built."""
        return self.root / "peers" / peer

    def environment(self) -> dict[str, str]:
        """The interpreters that peers' scripts may call."""
        return {"BENCH_PYTHON": str(self.python), "OFS_PYTHON": sys.executable}

    def versions(self) -> dict[str, str]:
        """The versions of what is measured and of what it stands on."""
        import confluent_kafka
        import pyarrow as pa

        import ofs

        return {
            "OFS": ofs.__version__,
            "commit": _output(["git", "rev-parse", "--short", "HEAD"]),
            "Python": sys.version.split()[0],
            "confluent-kafka": confluent_kafka.__version__,
            "librdkafka": confluent_kafka.libversion()[0],
            "pyarrow": pa.__version__,
            "Java": _output(["java", "-version"]).partition("\n")[0],
        }


def _summary(text: str) -> dict[str, Any]:
    """The last line that is a JSON object; progress and notices stand around it."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    summary: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return {**summary, "events": summary.get("decisions", 0)}


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in facts if line.startswith("model name")), "unknown"
    )
    memory = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    )
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory.split()[1]) / 2**20:.0f} GiB",
        "system": _output(["uname", "-sr"]),
    }


def _output(command: list[str]) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not here"
    return (ended.stdout or ended.stderr).strip()
