"""What a source of readings is: batches ready for the wire, and a cursor to go on from.

A source gives `message_id` and `generated_at` once, at birth (P2); nothing after it renames a reading.
The producer stores the cursor in the same transaction as the batch it came with, so a crash neither
skips nor repeats: a batch that was not stored is made again, from the same cursor, with the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Cursor = Mapping[str, Any]
"""Where a source goes on: a JSON object that only this source understands."""

Expectation = Literal["", "valid", "dead", "repeat"]
"""What the source knows a reading to be; proofs compare it with the verdict. Empty: it does not know."""


class Reading(NamedTuple):
    """One reading as it goes to Kafka. `accepted_at_ms` becomes the record's time stamp (CreateTime)."""

    key: bytes | None
    value: bytes | None
    accepted_at_ms: int
    expectation: Expectation = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings in order and the cursor after them.

    No readings: nothing now, ask again after `wait_seconds`; or, if `exhausted`, never.
    `skipped` counts rows passed over since the cursor before, where a mapping says so.
    """

    readings: Sequence[Reading]
    cursor: Cursor
    wait_seconds: float = 0.0
    exhausted: bool = False
    skipped: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """Where readings are born. Used by one thread."""

    @property
    def name(self) -> str:
        """Names the source's slot: lower case, digits, `-` and `_`; part of the spool's file name."""

    @property
    def can_wait(self) -> bool:
        """Whether a full spool may hold the source back; if not, what does not fit is refused and counted."""

    def start(self, cursor: Cursor | None) -> None:
        """Go on after `cursor`; None: from the beginning. Called once, before `batch`."""

    def batch(self, limit: int) -> Batch:
        """At most `limit` readings that are due now. Does not block longer than it takes to make them."""

    def accepted(self, batch: Batch) -> None:
        """The batch is durable now. (A journal notes it; most sources need not know.)"""

    def close(self) -> None:
        """Give up files and connections."""
