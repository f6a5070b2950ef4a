"""Canaries: records of transactions that are aborted on purpose. No reader may ever see one (G1a)."""

from __future__ import annotations

import uuid

from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients

_MARK = b"canary: this transaction was aborted"
_ANSWER_SECONDS = 60.0


def is_canary(value: bytes | None) -> bool:
    return value == _MARK


class Canaries:
    """Writes into every output of a stream, and takes it back."""

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self._topics = (topology.validated, topology.dead_letters, topology.ledger)
        self._partitions = settings.stream(topology.stream).partitions
        self._producer = Clients(settings).producer({"transactional.id": f"canary-{uuid.uuid4()}"})
        self._producer.init_transactions(_ANSWER_SECONDS)

    def sing(self) -> None:
        """One aborted transaction, whose records have truly reached the logs."""
        self._producer.begin_transaction()
        for topic in self._topics:
            for partition in range(self._partitions):
                self._producer.produce(topic, _MARK, b"canary", partition=partition)
        assert self._producer.flush(_ANSWER_SECONDS) == 0
        self._producer.abort_transaction(_ANSWER_SECONDS)
