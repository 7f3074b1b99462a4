"""The native core, `ofs/core`, as Python sees it. Bytes in, bytes out; it knows no file, socket or clock.

Every call that handles a batch releases the GIL. Bad input is a value, never a panic; a misuse raises ValueError.
"""

from collections.abc import Sequence
from typing import Any, final

from ofs.ports import Header

ENGINE_FORMAT: str
"""Name of the state encoding, `ofs-state/v1`; a state of another format is refused."""

def canonical(text: bytes) -> bytes:
    """RFC 8785 form of one open JSON text. Raises ValueError where it is not JSON within the limits."""

def inspect(value: bytes | None, paths: list[str]) -> bytes:
    """The admission of one record value as canonical JSON, for tests and vectors.

    `{"rejected": reason}`, or `{"event_id", "event_type", "ts_us" (decimal string), "pins" (object),
    "fields": {path: null | {"missing": true} | {"bool": b} | {"number": literal} | {"string": s} | {"other": true}}}`.
    A null member is null, an absent one {"missing": true}, an array or object {"other": true}.
    """

@final
class RangeDigest:
    """Content digest over the records of one partition, fed in offset order; carried over by `state`."""

    def __new__(cls) -> RangeDigest: ...
    @staticmethod
    def restore(state: bytes) -> RangeDigest: ...
    def update(
        self,
        offsets: list[int],
        log_ts_us: list[int],
        ts_types: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[list[Header]] | None,
    ) -> None: ...
    def root(self) -> str:
        """Hex Merkle root over the blocks so far, the unfinished one included."""
    def blocks(self) -> list[tuple[int, int, str]]:
        """(block index, record count, hex digest) of every block with a record."""
    def state(self) -> bytes: ...

@final
class Plan:
    """Compiled feature definitions; a definition's position is its group index.

    `definitions`: RFC 8785 bytes of each definition. `digests`: their hex digests, same order.
    Raises ValueError on a definition that the features package would not have let through.
    """

    def __new__(cls, definitions: list[bytes], digests: list[str]) -> Plan: ...

@final
class Decisions:
    """Decisions in order of first appearance, decoded and held compactly.

    Only an entirely well-formed decision becomes `regular` and is understood here; everything else with a string
    decision_id is `irregular` and left to the planner, which gives the reason.
    """

    def __new__(cls) -> Decisions: ...
    @staticmethod
    def decode(lines: Sequence[bytes]) -> DecodedLines:
        """Lines for `append`: a list; a `LinesOfText`, split here; or a `LinesOfRecords`, from the records' values.

        Pure: any threads may decode at once.
        """
    def append(self, lines: DecodedLines) -> None:
        """Take the next lines; line numbers count from 0 over all calls."""
    def add(self, lines: list[bytes]) -> None:
        """`append` of what `decode` gives."""
    def seal(self) -> None:
        """No more lines: conflicts are final. All methods below need it."""
    def __len__(self) -> int:
        """Distinct decisions, conflicting ones left out."""
    @property
    def line_count(self) -> int: ...
    @property
    def duplicates(self) -> int:
        """Later copies with equal canonical bytes."""
    def dead_letters(self) -> list[tuple[int, str]]:
        """(line, NOT_AN_OBJECT | DECISION_ID_MISSING | DECISION_CONFLICT), in line order; of a conflict all copies."""
    def digest(self, dead: list[bytes]) -> str:
        """SHA-256 over 0x00 + SHA-256(canonical bytes) of each decision in order, then of each dead letter in line
        order 0x01 + line as u64 BE + SHA-256(raw line). `dead`: the line of each dead letter, which are not held.

        Raises ValueError where they are not as many."""
    def lines(self, lo: int, hi: int) -> list[int]:
        """The line number of each decision in `[lo, hi)`."""
    def ids(self, lo: int, hi: int) -> tuple[bytes, bytes]:
        """As `ofs.packed` has them."""
    def irregular(self) -> list[int]: ...
    def shapes(self) -> list[Shape]:
        """The distinct combinations of what the planner looks at, in order of first appearance."""
    def members(self, shape: int) -> Members: ...
    def pins(self) -> list[bytes]:
        """Distinct canonical ContextPins of the regular decisions; a position is a scope."""
    def bind(self, shape: int, group_indexes: list[int]) -> None:
        """The shape's groups, in its order, in the Plan. Decisions of unbound shapes are not answered."""
    def exclude(self, indexes: list[int]) -> None:
        """These are not answered."""
    def set_as_of(self, index: int, as_of_us: int) -> None:
        """The derived as-of of a watermark decision; until then it is not answered."""
    def queries(self, stream: str, partition: int, lo: int, hi: int, cut_from: int, cut_to: int) -> Queries:
        """What the task of this partition must answer for the decisions `[lo, hi)` that name it, are bound, not
        excluded, have an as-of, and have a cut there with cut_from <= cut < cut_to; sorted by cut, then index."""
    def cut_max(self, stream: str, partition: int, lo: int, hi: int) -> int:
        """The largest cut there of the answerable or still to be derived decisions `[lo, hi)`; -1 when none."""
    def as_of_min(self, lo: int) -> int:
        """The smallest as-of of the regular decisions from `lo` on: INT64_MIN where one has the watermark basis,
        INT64_MAX where there is none."""

@final
class DecodedLines:
    """Lines in their order, each decoded alone."""

    def __len__(self) -> int: ...

@final
class Shape:
    pins: bytes
    hash_rule: str
    groups: list[tuple[str, str, str | None]]
    """(name, version, recorded digest), sorted by name."""
    streams: list[tuple[str, list[str | None]]]
    """(stream, topic id of each partition 0 to n-1), sorted by stream."""
    as_of_basis: str
    has_hash: bool
    count: int
    as_of_us_min: int | None
    """None for the watermark basis without a given time (then as_of_us_max too)."""
    as_of_us_max: int | None
    decided_us_min: int
    """Of decided_at_utc, or the as-of where it is absent; INT64_MIN where there is neither."""
    decided_us_max: int
    cuts_min: list[list[int]]
    """By stream and partition in the order of `streams`."""
    cuts_max: list[list[int]]

@final
class Members:
    """The decisions of one shape, as columns."""

    indexes: list[int]
    as_of_us: list[int | None]
    decided_us: list[int]
    cuts: list[list[int]]
    """For each decision its cuts, streams and partitions in the order of the shape, flat."""

@final
class Queries:
    """Questions to one partition and, once folded, their answers (IRs at each cut)."""

    def __len__(self) -> int: ...
    @property
    def answered(self) -> int: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes) -> Queries: ...

@final
class Decoder:
    """Says of records what can be said of each alone: digest, admission, and what it would give to each group.

    Pure: any number of threads may decode at once.
    """

    def decode(
        self,
        offsets: list[int],
        log_ts_us: list[int],
        ts_types: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[list[Header]] | None,
    ) -> Decoded: ...
    def decode_arrow(self, batch: Any) -> Decoded:
        """The same of an Arrow record batch (C data interface) with the archive's columns; nothing is copied."""

@final
class Decoded:
    """Decoded records of one partition, in offset order."""

    def __len__(self) -> int: ...
    def offset(self, index: int) -> int | None: ...

@final
class Fold:
    """The state of one partition: admission, duplicates and the per-key logs, folded in offset order.

    `scopes`: canonical ContextPins that are folded; events of others are admitted and counted only.
    `start`: the first offset; the frontier begins there. `max_skew_us`: see `skew_violation`.
    """

    def __new__(
        cls, plan: Plan, scopes: list[bytes], stream: str, partition: int, start: int, max_skew_us: int
    ) -> Fold: ...
    @property
    def frontier(self) -> int:
        """The next offset to apply."""
    def decoder(self) -> Decoder:
        """Decodes records for this fold and others of its plan and scopes."""
    def apply(self, records: Decoded, first: int, limit: int, queries: Queries) -> int:
        """Apply the records from index `first` whose offset is below `limit`, answering every query when the frontier
        reaches its cut. Returns the index of the first record not applied."""
    def catch_up(self, queries: Queries, scans: int) -> bool:
        """Answer the queries with a cut at or behind the frontier, later offsets left out; stop once `scans`
        contributions were passed for that in all of the fold's life. Whether all of them are answered."""
    def forget(self, as_of_us: int, *, at_once: bool) -> None:
        """No query with an as-of before this one will come (one that does raises ValueError): what none but those would
        see may be dropped, when a log would else grow, or, `at_once`, with every contribution to it. Not for a fold
        whose state is drained."""
    def advance(self, to: int, queries: Queries) -> None:
        """No record lies between the frontier and `to`: move it there (what was passed over are holes) and answer
        every query with cut <= to, also those behind the frontier (later offsets are left out).

        `apply`, `advance` and `watermarks` raise ValueError where something was not supplied: what came before it is
        done, and the same call may go on from the frontier once it was."""
    def watermarks(self, decisions: Decisions, lo: int, hi: int) -> list[tuple[int, int | None]]:
        """(decision, largest event time of its pins inside its cut here) of the watermark decisions of `[lo, hi)` that
        name this partition; the frontier must be at or beyond their cuts."""
    def skew_violation(self) -> int | None:
        """The first offset whose event time exceeds its log timestamp by more than max_skew_us."""
    def event_time_us_max(self) -> int | None:
        """The largest event time of first copies of the scopes."""
    def certificate(self) -> bytes:
        """Canonical JSON over `[start, frontier)`: see CutCertificate's partition entry."""
    def drain_state(self) -> list[tuple[bytes, bytes]]:
        """Entries changed since the last drain, the frontier's among them: to be written in one atomic batch."""
    @staticmethod
    def restore(plan: Plan, scopes: list[bytes], entries: list[tuple[bytes, bytes]]) -> Fold:
        """The fold that drained these entries. Raises ValueError where format, plan or scopes differ."""
    @staticmethod
    def resident_prefixes() -> list[bytes]:
        """Prefixes of the entries that `open` takes."""
    @staticmethod
    def open(plan: Plan, scopes: list[bytes], entries: list[tuple[bytes, bytes]]) -> Fold:
        """The fold over a store that holds what it drained; `entries` are those under `resident_prefixes` only.

        Raises ValueError where format, plan or scopes differ, or an entry is missing, damaged or of another prefix."""
    @property
    def is_lazy(self) -> bool:
        """Whether entries are in the store only: after `open`, and once `evict` has dropped something. Then everything
        must be drained into the store, and `needs` and `supply` come before each `apply` and `advance`."""
    def needs(
        self, records: Decoded | None, first: int, limit: int, queries: Queries
    ) -> tuple[list[bytes], list[bytes]]:
        """(keys of entries, prefixes to scan) that the store may hold and the fold lacks, each once, in the order of
        records and queries; both empty unless `is_lazy`.

        For `apply` of the records from index `first` whose offset is below `limit`: those records, and the queries that
        it will answer, up to the last record's offset + 1. Without records, for `advance` to `limit`."""
    def watermark_prefixes(self) -> list[bytes]:
        """Prefixes to scan and supply before `watermarks` of cuts behind the frontier; empty where all is here."""
    def horizons(self, as_of_us: int) -> list[tuple[bytes, bytes, int]]:
        """These queries and all still to come have no as-of before this one. (prefix of watermark steps, prefix of
        contributions, event time) of each scope and group whose contributions before that time they do not see: these
        need not be supplied. Groups that see all are left out."""
    @staticmethod
    def first_step_us(value: bytes) -> int:
        """The event time of the first step of an entry under a prefix of watermark steps: no record at a smaller offset
        than the entry's has it or a later one. Raises ValueError where it is damaged."""
    def supply(
        self,
        found: list[tuple[bytes, bytes | None]],
        scanned: list[tuple[bytes, list[tuple[bytes, bytes]]]],
    ) -> None:
        """Take what was asked for: (key, value, None where the store holds none), and (prefix, all entries under it
        that are seen, see `horizons`, in byte order). It stays until the next `evict` that drops something.

        Raises ValueError where it is damaged or not of this fold: then the store is."""
    def resident_bytes(self) -> int:
        """What keys, first copies, watermark steps and string values take, about; with their allocations."""
    def evict(self, limit_bytes: int) -> None:
        """Where more than the limit is resident: drop what was drained, least recently used first, until an eighth
        below the limit is left or all else is not drained. What was supplied may go too."""

@final
class Verdict:
    index: int
    status: str
    """MATCH, MISMATCH or ONLINE_HASH_MISSING."""
    parity: bytes | None
    """The finished ParityResult of a MATCH; else the planner's evidence is added in Python."""
    snapshot: bytes | None
    """RebuiltFeatureSnapshot: of a MATCH only when all are wanted, else always."""

@final
class Verdicts:
    """What came of the decisions `[lo, hi)`, a row each."""

    @property
    def matches(self) -> int: ...
    def unfinished(self) -> list[int]:
        """Decisions without a finished ParityResult: those that do not match, and those that are not answerable."""
    def verdict(self, index: int) -> Verdict | None:
        """None where the decision is not answerable."""
    def parity(self, lo: int, hi: int) -> tuple[bytes, bytes]:
        """The finished ParityResults of the decisions `[lo, hi)`, as `ofs.packed` has them, each with a line end; empty
        where there is none."""
    def snapshots(self, lo: int, hi: int) -> tuple[bytes, bytes]:
        """The same of snapshots."""

def assemble(
    plan: Plan, decisions: Decisions, lo: int, hi: int, answers: list[Queries], replay_id: str, snapshots: str
) -> Verdicts:
    """Merge the answers of all partitions for the answerable decisions `[lo, hi)`, finish, encode, hash, compare.

    `snapshots`: all, mismatch or none. Raises ValueError where an answer is missing.
    """

@final
class RowMaker:
    """Makes rows: for every event of a stream the features of its own keys just before it; see `ofs.engine.rows`.

    `pins`: canonical ContextPins. `spans`: of partitions 0 to n-1, `[start, end)`. `block_rows`: of a block of columns,
    at least 1; None: rows are made as records. `shards`: at least 1.
    """

    def __new__(
        cls,
        plan: Plan,
        pins: bytes,
        stream: str,
        spans: list[tuple[int, int]],
        max_skew_us: int,
        known_after_us: int | None,
        replay_id: str,
        block_rows: int | None,
        shards: int,
    ) -> RowMaker: ...
    def decode(
        self,
        offsets: list[int],
        log_ts_us: list[int],
        ts_types: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[list[Header]] | None,
    ) -> RowBatch: ...
    def decode_arrow(self, batch: object) -> RowBatch: ...
    def arrive(self, batches: list[RowBatch | None], positions: list[int]) -> RowChunk:
        """The order of arrival from the positions on, until a batch is used up."""
    def intake(self, partition: int) -> RowIntake: ...
    def shard(self, number: int) -> RowShard:
        """Raises ValueError where the spans have more than 2^63-1 offsets together."""
    def merger(self) -> RowMerger: ...

@final
class RowBatch:
    """Records of one partition, decoded for rows."""

    def __len__(self) -> int: ...

@final
class RowChunk:
    """The next records in the order of arrival."""

    def __len__(self) -> int: ...
    @property
    def positions(self) -> list[int]:
        """By partition, where in its batch the next chunk begins."""

@final
class RowIntake:
    """What one partition knows of its records."""

    def take(self, chunk: RowChunk) -> RowsTaken: ...
    def end(self, to: int) -> bytes:
        """The certificate's counts over `[start, to)`."""

@final
class RowsTaken:
    """What a partition took of a chunk."""

@final
class RowShard:
    """The logs of some of the keys, over all partitions."""

    def answer(self, chunk: RowChunk, taken: Sequence[RowsTaken]) -> RowAnswers:
        """`taken`: one a partition, in order."""

@final
class RowAnswers:
    """A shard's answers to a chunk."""

@final
class RowMerger:
    """Makes the rows of one chunk after another; columns wait until they are a block."""

    def merge(self, chunk: RowChunk, taken: Sequence[RowsTaken], answers: Sequence[RowAnswers]) -> RowsMade:
        """`taken`: one a partition, `answers`: one a shard, in order. Raises ValueError where a value has no place in
        its column; the merger is of no use then."""
    def rest(self) -> Rows | None:
        """The rows that wait, if there are any."""

@final
class RowsMade:
    """What came of a chunk. `left_out`: first copies of events that are not established."""

    @property
    def rows(self) -> int: ...
    @property
    def left_out(self) -> int: ...
    @property
    def blocks(self) -> list[Rows]: ...

@final
class Rows:
    """Some rows, as columns or as records."""

    def __len__(self) -> int: ...
    def columns(self) -> Any:
        """An Arrow record batch of the core's own memory, with the columns under their numbers: int32, int64, decimal,
        bool, and texts as binary."""
    def records(self) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        """As `ofs.packed` has them: event ids; EventRows as canonical JSON, each with a line end."""

@final
class MessageReader:
    """Reads queues of one librdkafka. Raises ValueError where an address is 0.

    `addresses`: of rd_kafka_consume_batch_queue, rd_kafka_message_destroy, rd_kafka_message_timestamp,
    rd_kafka_message_headers and rd_kafka_header_get_all, in a library that stays loaded; others end the process.
    """

    def __new__(cls, addresses: list[int]) -> MessageReader: ...
    def read(
        self, queue: int, wanted: int, timeout_ms: int
    ) -> tuple[list[Records], list[tuple[int, int]], list[tuple[int, str]]] | None:
        """Up to `wanted` messages: records, (partition, offset) of each end, (code, text) of each error.

        None where the library failed. Records are cut into batches where the partition changes. `queue`: the address
        of a queue that is open until the call returns. Raises ValueError where a record's headers cannot be read.
        """

def message_table(keys: bytes, key_offsets: bytes, lines: bytes, line_offsets: bytes) -> bytearray:
    """`rd_kafka_message_t` one after another, which point into `keys` and, without line ends, `lines`.

    Both as `ofs.packed` has them. Raises ValueError where they are not as many, or do not lie in them.
    """

@final
class Records:
    """Records of one partition as columns: Arrow's, of the archive's names and types, by `__arrow_c_array__`.

    The lists are made at each call. `headers` is None where no record has any.
    """

    def __len__(self) -> int: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    @property
    def partition(self) -> int: ...
    @property
    def offsets(self) -> list[int]: ...
    @property
    def log_ts_us(self) -> list[int]: ...
    @property
    def ts_types(self) -> list[int]: ...
    @property
    def keys(self) -> list[bytes | None]: ...
    @property
    def values(self) -> list[bytes | None]: ...
    @property
    def headers(self) -> list[list[Header]] | None: ...
    def slice(self, start: int, end: int) -> Records:
        """The records at those of the indexes `[start, end)` that are there."""
