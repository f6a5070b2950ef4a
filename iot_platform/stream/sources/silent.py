"""A source with nothing to give: a run of it only delivers what waits in its spool."""

from __future__ import annotations

from iot_platform.stream.sources.base import Batch, Cursor


class Silent:
    """Stands in for the source `name`, whose spool it shares, and gives nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.can_wait = True
        self._cursor: Cursor = {}

    def start(self, cursor: Cursor | None) -> None:
        self._cursor = cursor or {}

    def batch(self, limit: int) -> Batch:  # noqa: ARG002 - the protocol names it
        return Batch((), self._cursor, exhausted=True)

    def accepted(self, batch: Batch) -> None:
        """Nothing was."""

    def close(self) -> None:
        """Nothing is open."""
