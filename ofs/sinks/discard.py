"""No outputs: for a caller who only wants the report."""

from __future__ import annotations

from collections.abc import Mapping


class DiscardSink:
    """OutputSink that keeps nothing."""

    def begin(self, replay_id: str) -> bool:
        """See OutputSink; always True."""
        return bool(replay_id)

    def put_parity(self, records: list[tuple[str, bytes]]) -> None:
        """See OutputSink."""

    def put_snapshots(self, records: list[tuple[str, bytes]]) -> None:
        """See OutputSink."""

    def put_dead_letters(self, records: list[tuple[str, bytes]]) -> None:
        """See OutputSink."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """See OutputSink."""

    def abort(self) -> None:
        """See OutputSink."""
