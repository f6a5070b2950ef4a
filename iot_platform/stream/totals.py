"""What a validator's process has done since it started; for heartbeats and summaries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from iot_platform.stream.outcome import Outcome
from iot_platform.stream.stages import Stages


@dataclass
class Totals:
    transactions: int = 0
    aborts: int = 0
    sessions: int = 0
    valid: int = 0
    repaired: int = 0
    dead: int = 0
    duplicates: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    last_error: str = ""
    rebalances: int = 0
    """How often partitions came or went; at the start once."""
    stages: Stages = field(default_factory=Stages)
    write_seconds: float = 0.0
    """What the transactions took, from their first record to their commit."""

    busy_seconds: float = 0.0
    """What batches took as a whole: to judge, to write, to remember. The rest of the time there was nothing to take."""

    @property
    def records(self) -> int:
        return self.valid + self.dead + self.duplicates

    def add(self, outcome: Outcome) -> None:
        self.valid += len(outcome.validated)
        self.repaired += outcome.repaired
        self.dead += len(outcome.dead)
        self.duplicates += outcome.duplicates
        self.by_reason.update(outcome.by_reason)

    def facts(self) -> dict[str, Any]:
        return {
            "transactions": self.transactions,
            "aborts": self.aborts,
            "sessions": self.sessions,
            "valid": self.valid,
            "repaired": self.repaired,
            "dead": self.dead,
            "duplicates": self.duplicates,
            "by_reason": dict(self.by_reason),
            "rebalances": self.rebalances,
            "stages": self.stages.facts(),
            "last_error": self.last_error,
            "writes": self.transactions,
            "write_seconds": round(self.write_seconds, 3),
            "busy_seconds": round(self.busy_seconds, 3),
        }
