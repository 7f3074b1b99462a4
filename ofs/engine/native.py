"""The native engine: the core, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofs.native import core

if TYPE_CHECKING:
    from ofs.engine.port import DecisionSet, Decoded, Decoder, Fold, StatefulFold, Verdicts
    from ofs.ports import RecordBatch


class NativeDecoder:
    """See Decoder."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def decode(self, batch: RecordBatch) -> Decoded:
        """Raises ValueError where a record has no content digest."""
        if batch.arrow is not None:
            records: Decoded = self._decoder.decode_arrow(batch.arrow)
        else:
            records = self._decoder.decode(
                batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers
            )
        return records


class NativeEngine:
    """Raises ImportError where the core was not built."""

    name = "native"

    def __init__(self) -> None:
        if core is None:
            raise ImportError("the native core ofs._core was not built")
        self._core: Any = core

    def decisions(self) -> DecisionSet:
        """An empty decision set."""
        decisions: DecisionSet = self._core.Decisions()
        return decisions

    def compile(self, definitions: list[bytes], digests: list[str]) -> Any:
        """Compiled definitions."""
        return self._core.Plan(definitions, digests)

    def decoder(self, fold: Any) -> Decoder:
        """Takes Arrow batches as they are."""
        return NativeDecoder(fold.decoder())

    def fold(
        self, plan: Any, scopes: list[bytes], stream: str, partition: int, start: int, max_skew_us: int
    ) -> Fold:
        """The empty state of a partition."""
        fold: Fold = self._core.Fold(plan, scopes, stream, partition, start, max_skew_us)
        return fold

    def resident_prefixes(self) -> list[bytes]:
        """See Engine."""
        prefixes: list[bytes] = self._core.Fold.resident_prefixes()
        return prefixes

    def open_fold(self, plan: Any, scopes: list[bytes], entries: list[tuple[bytes, bytes]]) -> StatefulFold:
        """See Engine."""
        from_entries = self._core.Fold.open
        fold: StatefulFold = from_entries(plan, scopes, entries)
        return fold

    def assemble(
        self, plan: Any, decisions: Any, lo: int, hi: int, answers: list[Any], replay_id: str, snapshots: str
    ) -> Verdicts:
        """Verdicts on the decisions `[lo, hi)`."""
        verdicts: Verdicts = self._core.assemble(plan, decisions, lo, hi, answers, replay_id, snapshots)
        return verdicts
