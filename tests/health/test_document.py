"""What makes a process unwell, as a table; and what its document says of it."""

from __future__ import annotations

from typing import Any

import pytest

from iot_platform.health.document import Observation, document_of, problems_of, progress_of

SPOOL: dict[str, Any] = {
    "spooled": 12, "spool_bytes": 3_400, "spool_full": False, "oldest_age_seconds": 5.0, "phase": "sending",
    "acknowledged": 7,
}  # fmt: skip
VALIDATOR: dict[str, Any] = {"partitions": [0, 2], "transactions": 4}


def seen(facts: dict[str, Any], *, silent: float = 0.5, kafka: bool | None = True) -> Observation:
    return Observation(facts, silent, kafka, "kafka:9092")


CASES: list[tuple[Observation, list[str]]] = [
    (seen(SPOOL), []),
    (seen(VALIDATOR), []),
    (seen(VALIDATOR, kafka=None), []),
    (seen({}), ["It is starting."]),
    (seen({}, silent=11.4), ["No sign of life for 11 s."]),
    (seen(VALIDATOR, kafka=False), ["Kafka does not answer at kafka:9092."]),
    (seen(VALIDATOR, silent=10.0), []),
    (seen(VALIDATOR, silent=10.6), ["No sign of life for 11 s."]),
    (seen(VALIDATOR, silent=60, kafka=False), ["Kafka does not answer at kafka:9092.", "No sign of life for 60 s."]),
    (seen({**SPOOL, "failed_attempts": 2, "kafka_error": "timed out"}),
     ["2 deliveries failed in a row (timed out)."]),
    (seen({**SPOOL, "problem": "The spool is full."}), ["The spool is full."]),
    (seen({"transactions": 1, "failures": 3, "last_error": "held by process 7"}),
     ["3 loads were postponed in a row (held by process 7)."]),
    (seen({**VALIDATOR, "problem": "It is paused."}), ["It is paused."]),
]  # fmt: skip


@pytest.mark.parametrize(("observation", "expected"), CASES)
def test_each_trouble_has_its_sentence_and_a_well_process_none(observation: Observation, expected: list[str]) -> None:
    assert problems_of(observation) == expected
    assert document_of(observation, "then", None)["healthy"] is (not expected)


def test_a_producer_tells_of_its_spool_and_its_last_acknowledgement() -> None:
    document = document_of(seen(SPOOL), "2026-01-01T00:00:00+00:00", 1.5)
    assert document["spool"] == {"readings": 12, "bytes": 3_400, "oldest_age_seconds": 5.0, "full": False}
    assert (document["last_acknowledgement_age_seconds"], document["last_commit_age_seconds"]) == (1.5, None)
    assert (document["phase"], document["since"]) == ("sending", "2026-01-01T00:00:00+00:00")


def test_a_validator_tells_of_its_partitions_and_its_last_commit() -> None:
    document = document_of(seen(VALIDATOR), "then", 0.2)
    assert (document["partitions"], document["spool"], document["phase"]) == ([0, 2], None, "running")
    assert (document["last_acknowledgement_age_seconds"], document["last_commit_age_seconds"]) == (None, 0.2)
    assert document["kafka"] == {"servers": "kafka:9092", "reachable": True}


def test_progress_is_acknowledgements_or_transactions() -> None:
    assert [progress_of(SPOOL), progress_of(VALIDATOR), progress_of({})] == [7, 4, None]
