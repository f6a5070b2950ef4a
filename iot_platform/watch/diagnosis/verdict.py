"""One verdict: what slows the stream, by what one sees it, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Cause = Literal[
    "kafka_unreachable",
    "nobody_validates",
    "paused",
    "poison",
    "rebalances",
    "warehouse_locked",
    "slow_broker",
    "hot_partition",
    "starved_cpu",
    "slow_code",
    "too_few_validators",
    "slow_loader",
    "much_dead",
    "fewer_validators",
]


@dataclass(frozen=True)
class Verdict:
    """`weight`: 100 stops everything, 50 slows it, 10 is to be known. `subject`: a stream, process or partition."""

    cause: Cause
    weight: int
    subject: str
    text: str
    evidence: tuple[str, ...]
    what_to_do: str

    def as_document(self) -> dict[str, Any]:
        return {**vars(self), "evidence": list(self.evidence)}
