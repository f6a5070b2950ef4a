"""One life of a validator: a consumer and a transactional producer, from start to close.

A transaction holds all outputs of a batch and the consumed offsets. Its size follows the load: what has arrived when
the first record is taken, at most `batch_max`. Nothing local is remembered before Kafka has committed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from iot_platform.clock import Clock, unix_millis
from iot_platform.contract import ledger
from iot_platform.contract.judge import Judge
from iot_platform.contract.topology import Topology
from iot_platform.errors import PlatformError
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import Limit, Stop
from iot_platform.settings import Settings
from iot_platform.stream.changelog import Changelog, PartitionState
from iot_platform.stream.clients import Clients
from iot_platform.stream.dedup import memory_of
from iot_platform.stream.intake import BatchPolicy, Intake
from iot_platform.stream.outcome import Outcome, Slice, Sorter
from iot_platform.stream.topics import OUTPUT_HEADROOM_BYTES, raw_max_bytes
from iot_platform.stream.transaction import AbortRequiredError, Transactions

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 10.0
_QUEUE_MAX_MESSAGES = 200_000
_POLL_INTERVAL_TRANSACTIONS = 3
"""Between two polls lies one transaction; one that takes longer than this many may has lost its session anyway."""
_STREAM_TIME_TOLERANCE = timedelta(minutes=5)


@dataclass
class Totals:
    """What this process has done since it started; for heartbeats and summaries."""

    transactions: int = 0
    aborts: int = 0
    sessions: int = 0
    valid: int = 0
    repaired: int = 0
    dead: int = 0
    duplicates: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    last_error: str = ""

    @property
    def records(self) -> int:
        return self.valid + self.dead + self.duplicates

    def add(self, outcome: Outcome) -> None:
        self.valid += len(outcome.validated)
        self.repaired += outcome.repaired
        self.dead += len(outcome.dead)
        self.duplicates += outcome.duplicates
        self.by_reason.update(outcome.by_reason)


class Session:
    """One consumer and one transactional producer, from start to close. `run` ends or raises; it never heals itself."""

    def __init__(self, settings: Settings, stream: str, slot: int, judge: Judge, totals: Totals, clock: Clock) -> None:
        self._settings = settings
        self._slot = slot
        self._judge = judge
        self._totals = totals
        self._clock = clock
        self._topology = Topology(stream)
        self._sorter = Sorter(self._topology, judge.rule_version, raw_max_bytes(settings.stream(stream)))
        self._clients = Clients(settings)
        self._changelog = Changelog(
            self._clients,
            self._topology,
            settings.stream(stream).dedup_window_hours,
            settings.validator.transaction_timeout_seconds,
        )
        self._partitions: dict[int, PartitionState] = {}
        self._failure: Exception | None = None
        self._stop = Stop()
        self._transactions = Transactions(
            self._clients.producer(self._producer_options(settings.stream(stream).max_message_bytes)),
            settings.validator.transaction_timeout_seconds,
            clock,
        )
        self._consumer = self._clients.consumer(self._topology.validator_group, self._consumer_options())
        policy = BatchPolicy(settings.validator.batch_max, settings.validator.linger_seconds)
        self._intake = Intake(self._consumer, self._topology.raw, policy)

    def _producer_options(self, max_message_bytes: int) -> dict[str, Any]:
        return {
            "transactional.id": self._topology.transactional_id(self._settings.instance, self._slot),
            "transaction.timeout.ms": round(self._settings.validator.transaction_timeout_seconds * 1000),
            "message.max.bytes": max_message_bytes + OUTPUT_HEADROOM_BYTES,
            "compression.type": self._settings.producer.compression,
            "linger.ms": 2,
            "batch.size": 262_144,
            "queue.buffering.max.messages": _QUEUE_MAX_MESSAGES,
        }

    def _consumer_options(self) -> dict[str, Any]:
        session_ms = round(self._settings.validator.session_timeout_seconds * 1000)
        transaction_ms = round(self._settings.validator.transaction_timeout_seconds * 1000)
        return {
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": session_ms // 3,
            # Also how long a rebalance waits for a member that died and that Kafka forgot to time out (decision 0010).
            "max.poll.interval.ms": max(session_ms, _POLL_INTERVAL_TRANSACTIONS * transaction_ms),
            "partition.assignment.strategy": "cooperative-sticky",
        }

    def run(self, stop: Stop, limit: Limit, on_batch: Callable[[], None]) -> None:
        """Validate until stopped, bounded by `limit`.

        Raises SessionLostError or KafkaException when the session must be made anew, and PlatformError when data is
        not as promised.
        """
        self._stop = stop
        self._transactions.start()
        self._consumer.subscribe(
            [self._topology.raw], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )
        goal = self._end_offsets() if limit.until_caught_up else None
        while not (stop.requested or limit.reached):
            messages = self._take(limit.remaining)
            if messages:
                limit.add(self._validate(messages))
            elif goal is not None and self._reached(goal):
                return
            on_batch()

    def close(self) -> None:
        self._consumer.close()
        self._transactions.close()

    def facts(self) -> dict[str, Any]:
        """What `status` shows of this session."""
        windows = [state.window for state in self._partitions.values()]
        return {"partitions": sorted(self._partitions), "dedup": memory_of(windows)}

    def _take(self, remaining: int | None) -> list[Any]:
        messages = self._intake.poll(remaining)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        standing = {partition: state.next_offset for partition, state in self._partitions.items()}
        return self._intake.in_order(messages, standing)

    def _validate(self, messages: list[Any]) -> int:
        """One transaction. The number of records it covered; 0 when it was aborted."""
        outcomes = self._decide(messages)
        offsets = [TopicPartition(self._topology.raw, outcome.partition, outcome.last + 1) for outcome in outcomes]
        try:
            self._transactions.begin()
            self._produce(outcomes)
            self._transactions.commit(offsets, self._consumer)
        except AbortRequiredError as error:
            log.warning("transaction aborted: %s", error)
            self._totals.aborts += 1
            self._totals.last_error = str(error)
            self._transactions.abort()
            self._seek_back()
            return 0
        self._remember(outcomes)
        faultpoint("validator.after_apply")
        return len(messages)

    def _decide(self, messages: list[Any]) -> list[Outcome]:
        values = [message.value() for message in messages]
        accepted_at_ms = [message.timestamp()[1] for message in messages]
        judgement = self._judge.judge(values, [message.key() for message in messages], accepted_at_ms)
        places: dict[int, list[int]] = {}
        for place, message in enumerate(messages):
            places.setdefault(message.partition(), []).append(place)
        now = self._clock.now()
        cap_ms = unix_millis(now + _STREAM_TIME_TOLERANCE)
        outcomes = []
        for partition, mine in places.items():
            part = Slice(
                partition,
                [messages[p] for p in mine],
                [values[p] for p in mine],
                [accepted_at_ms[p] for p in mine],
                mine,
            )
            state = self._partitions[partition]
            outcomes.append(
                self._sorter.sort(part, judgement, state.window, state.next_offset, now.isoformat(), cap_ms)
            )
        return outcomes

    def _produce(self, outcomes: list[Outcome]) -> None:
        now = self._clock.now().isoformat()
        for outcome in outcomes:
            for topic, records in (
                (self._topology.validated, outcome.validated),
                (self._topology.dead_letters, outcome.dead),
            ):
                for record in records:
                    self._transactions.produce(topic, outcome.partition, **record)
            faultpoint("validator.mid_produce")
            entry = outcome.ledger_entry(self._topology.stream, self._judge.rule_version, self._slot, now)
            self._transactions.produce(
                self._topology.ledger,
                outcome.partition,
                key=ledger.key(outcome.partition),
                value=ledger.encode(entry),
                timestamp=outcome.stream_time_ms,
            )

    def _remember(self, outcomes: list[Outcome]) -> None:
        self._totals.transactions += 1
        for outcome in outcomes:
            state = self._partitions.get(outcome.partition)
            if state is not None:
                state.window.accept(outcome.ids, outcome.fingerprints, outcome.stream_time_ms)
                self._partitions[outcome.partition] = PartitionState(outcome.last + 1, state.window)
            self._totals.add(outcome)

    def _seek_back(self) -> None:
        """Read again what the aborted transaction had covered: an abort does not move the consumer."""
        for partition, state in self._partitions.items():
            self._consumer.seek(TopicPartition(self._topology.raw, partition, state.next_offset))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Restore each partition before its first record. Errors wait for `_take`: a callback cannot raise."""
        try:
            for partition in partitions:
                state = self._changelog.restore(consumer, partition.partition, lambda: not self._stop.requested)
                self._partitions[partition.partition] = state
                partition.offset = state.next_offset
        except (KafkaException, PlatformError) as error:
            self._failure = error
            for partition in partitions:
                self._partitions.pop(partition.partition, None)
            return
        consumer.incremental_assign(partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """No transaction is open here: callbacks run inside `consume`, transactions between two calls of it."""
        for partition in partitions:
            self._partitions.pop(partition.partition, None)
        consumer.incremental_unassign(partitions)

    def _end_offsets(self) -> dict[int, int]:
        """The end of each raw partition now."""
        metadata = self._consumer.list_topics(self._topology.raw, timeout=_ANSWER_SECONDS)
        ends = {}
        for partition in metadata.topics[self._topology.raw].partitions:
            raw = TopicPartition(self._topology.raw, partition)
            ends[partition] = self._consumer.get_watermark_offsets(raw, timeout=_ANSWER_SECONDS)[1]
        return ends

    def _reached(self, goal: dict[int, int]) -> bool:
        """Whether the group, with all its members, has committed up to `goal`."""
        asked = [TopicPartition(self._topology.raw, partition) for partition, end in goal.items() if end > 0]
        committed = self._consumer.committed(asked, timeout=_ANSWER_SECONDS)
        return all(answer.offset >= goal[answer.partition] for answer in committed)
