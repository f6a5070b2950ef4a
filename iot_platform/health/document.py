"""Whether a stream process is well, and the words for it. Pure: what was seen goes in, a document comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SILENT_SECONDS = 10.0
"""A main loop gives a sign of life each second; a call into Kafka may take a few."""

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Observation:
    """One look at a process. `facts` are those of its last sign of life, `silent_seconds` ago.

    `kafka_answers` is None while nobody has asked; `servers` is where.
    """

    facts: Facts
    silent_seconds: float
    kafka_answers: bool | None
    servers: str

    @property
    def phase(self) -> str:
        """`starting` until the first sign of life; then what the process says itself."""
        return str(self.facts.get("phase", "running")) if self.facts else "starting"


def problems_of(seen: Observation) -> list[str]:
    """A sentence for all that is not as it should be; none when the process is well."""
    facts = seen.facts
    found = []
    if seen.kafka_answers is False:
        found.append(f"Kafka does not answer at {seen.servers}.")
    if seen.silent_seconds > SILENT_SECONDS:
        found.append(f"No sign of life for {seen.silent_seconds:.0f} s.")
    elif not facts:
        found.append("It is starting.")
    if facts.get("failed_attempts"):
        why = facts.get("kafka_error") or "nothing is acknowledged"
        found.append(f"{facts['failed_attempts']} deliveries failed in a row ({why}).")
    if facts.get("failures"):
        found.append(f"{facts['failures']} loads were postponed in a row ({facts.get('last_error')}).")
    if facts.get("problem"):
        found.append(str(facts["problem"]))
    return found


def document_of(seen: Observation, since: str, progress_age_seconds: float | None) -> dict[str, Any]:
    """What `/health` answers, but for the process's name and id; keys that do not apply are null.

    `progress_age_seconds`: since the last acknowledgement of a producer, or the last commit of the others.
    """
    facts, found = seen.facts, problems_of(seen)
    is_producer = "spooled" in facts
    return {
        "alive": True,
        "healthy": not found,
        "problems": found,
        "phase": seen.phase,
        "since": since,
        "kafka": {"servers": seen.servers, "reachable": seen.kafka_answers},
        "spool": {
            "readings": facts["spooled"],
            "bytes": facts["spool_bytes"],
            "oldest_age_seconds": facts["oldest_age_seconds"],
            "full": facts["spool_full"],
        }
        if is_producer
        else None,
        "last_acknowledgement_age_seconds": progress_age_seconds if is_producer else None,
        "last_commit_age_seconds": None if is_producer else progress_age_seconds,
        "partitions": facts.get("partitions"),
        "sign_of_life_age_seconds": round(seen.silent_seconds, 1),
    }


def progress_of(facts: Facts) -> int | None:
    """A count that grows with each acknowledgement of a producer, with each transaction of the others."""
    count = facts.get("acknowledged", facts.get("transactions"))
    return None if count is None else int(count)
