"""A stand-in for the validator: outputs and ledger entry in one transaction, and whatever a test plants in them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from iot_platform.clock import SystemClock, unix_millis
from iot_platform.contract import dead_letter, ledger
from iot_platform.contract.dead_letter import Provenance
from iot_platform.contract.ledger import LedgerEntry
from iot_platform.contract.reasons import Code, Reason
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from tests.support.readings import document

_ANSWER_SECONDS = 30.0
_RULES = "1-test-00000000"


def reading(sensor: str = "sensor-1", headers: Any = None, **changes: Any) -> dict[str, Any]:
    """The record of a validated reading, as arguments of `Producer.produce`."""
    made = {"key": sensor.encode(), "value": json.dumps(document(sensor_id=sensor, **changes)).encode()}
    return {**made, "headers": headers} if headers else made


def dead(
    value: bytes | None, source_offset: int, key: bytes | None = b"sensor-1", codes: Sequence[Code] = (Code.NOT_JSON,)
) -> dict[str, Any]:
    """The record of a dead letter."""
    provenance = Provenance(
        reasons=tuple(Reason(code, "value", "planted") for code in codes),
        rule_version=_RULES,
        source_topic="raw",
        source_partition=0,
        source_offset=source_offset,
        first_seen="2026-01-02T03:04:05.000006+00:00",
        attempts=1,
    )
    return {
        "key": key,
        "value": value,
        "headers": dead_letter.to_headers([("trace", b"\xff"), ("none", None)], provenance),
    }


class Outputs:
    """Writes transactions of one stream as a validator would."""

    def __init__(self, settings: Settings, stream: str) -> None:
        self._topology = Topology(stream)
        self._producer = Clients(settings).producer(
            {"transactional.id": f"test-{uuid.uuid4()}", "message.max.bytes": 2_000_000}
        )
        self._producer.init_transactions(_ANSWER_SECONDS)
        self._next: dict[int, int] = {}

    def write(
        self,
        validated: Sequence[dict[str, Any]] = (),
        dead_letters: Sequence[dict[str, Any]] = (),
        *,
        partition: int = 0,
        commit: bool = True,
        skip: int = 0,
        **claims: Any,
    ) -> None:
        """One transaction; its ledger entry goes on where the last one ended, `skip` offsets later.

        `claims` are written into the ledger entry instead of the truth.
        """
        first = self._next.get(partition, 0) + skip
        last = first + len(validated) + len(dead_letters) + claims.get("duplicates", 0) - 1
        now = SystemClock().now()
        facts: dict[str, Any] = {
            "valid": len(validated),
            "dead": len(dead_letters),
            "repaired": 0,
            "duplicates": 0,
            **claims,
        }
        by_reason = {Code.NOT_JSON.value: len(dead_letters)} if dead_letters else {}
        entry = LedgerEntry(
            stream=self._topology.stream, partition=partition, first=first, last=last, rule_version=_RULES, slot=0,
            at=now.isoformat(), **{"by_reason": by_reason, **facts},
        )  # fmt: skip
        self._producer.begin_transaction()
        for topic, records in ((self._topology.validated, validated), (self._topology.dead_letters, dead_letters)):
            for record in records:
                self._produce(topic, partition, {"timestamp": unix_millis(now), **record})
        self._produce(self._topology.ledger, partition, {"key": ledger.key(partition), "value": ledger.encode(entry)})
        self._producer.flush(_ANSWER_SECONDS)  # so that an aborted one has truly reached the log
        if commit:
            self._producer.commit_transaction(_ANSWER_SECONDS)
            self._next[partition] = last + 1
        else:
            self._producer.abort_transaction(_ANSWER_SECONDS)

    def _produce(self, topic: str, partition: int, record: dict[str, Any]) -> None:
        while True:
            try:
                self._producer.produce(topic, partition=partition, **record)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return
