"""Transactions that Kafka will never end: its coordinator has lost what it knew of them, their records are still there.

No reader of committed records passes them, and so neither a validator that restores its window nor the loader. Kafka's
own tool finds them, by asking the coordinator about each open transaction, and aborts them; no client of Python's can.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from iot_platform.broker.node import LocalBroker
from iot_platform.settings import Settings

_TOOL = "org.apache.kafka.tools.TransactionsCommand"
_COLUMNS = ("Topic", "Partition", "ProducerId", "StartOffset")


@dataclass(frozen=True)
class HangingTransaction:
    """On one partition, from `start_offset` on."""

    topic: str
    partition: int
    producer_id: int
    start_offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} from offset {self.start_offset} (producer id {self.producer_id})"


def hanging_after_minutes(settings: Settings) -> int:
    """How long a transaction must be open to count; Kafka's tool takes whole minutes."""
    return math.ceil(settings.validator.transaction_timeout_seconds / 60)


def find_hanging(settings: Settings, topic: str) -> list[HangingTransaction]:
    """Those of a topic that are open for longer than a validator's transaction may last, and unknown to Kafka.

    Raises UnavailableError when Kafka does not answer.
    """
    minutes = str(hanging_after_minutes(settings))
    told = _run(settings, "find-hanging", "--topic", topic, "--max-transaction-timeout", minutes)
    return list(_read(told))


def abort(settings: Settings, one: HangingTransaction) -> None:
    """Its records are passed over by readers of committed records from now on, as those of any aborted transaction."""
    place = ("--topic", one.topic, "--partition", str(one.partition), "--start-offset", str(one.start_offset))
    _run(settings, "abort", *place)


def _run(settings: Settings, *arguments: str) -> str:
    return LocalBroker(settings).run_tool(_TOOL, "--bootstrap-server", settings.bootstrap_servers, *arguments)


def _read(told: str) -> Iterator[HangingTransaction]:
    """Rows of the tool's table, whose first line names the columns (with spaces in none of those we need)."""
    heading, *lines = [line for line in told.splitlines() if line.strip()] or [""]
    names = heading.replace("Duration(min)", "Duration").split()
    for line in lines:
        row = dict(zip(names, line.split(), strict=False))
        topic, *numbers = (row[name] for name in _COLUMNS)
        yield HangingTransaction(topic, *(int(number) for number in numbers))
