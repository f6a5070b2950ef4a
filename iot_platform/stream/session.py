"""One life of a validator: a consumer and a transactional producer, from start to close.

A transaction holds all outputs of a batch and the consumed offsets. Its size follows the load: what has arrived when
the first record is taken, at most `batch_max`. Nothing local is remembered before Kafka has committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from iot_platform.clock import Clock
from iot_platform.contract import ledger
from iot_platform.contract.judge import Judge
from iot_platform.contract.topology import Topology
from iot_platform.errors import IntegrityError, PausedError, PlatformError
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import Limit, Stop
from iot_platform.settings import Settings
from iot_platform.stream.batch import BadBatchError, Decider, spans_of
from iot_platform.stream.brake import Brake
from iot_platform.stream.changelog import Changelog, PartitionState
from iot_platform.stream.client_options import consumer_options, producer_options
from iot_platform.stream.clients import Clients
from iot_platform.stream.dedup import Position, memory_of
from iot_platform.stream.intake import BatchPolicy, Intake
from iot_platform.stream.outcome import Outcome, Sorter
from iot_platform.stream.poison import PoisonHunt, Span
from iot_platform.stream.topics import raw_max_bytes
from iot_platform.stream.totals import Totals
from iot_platform.stream.transaction import AbortRequiredError, RefusedError, Transactions
from iot_platform.stream.windows import Windows

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 10.0


@dataclass
class Lasting:
    """What a validator remembers from one session to the next."""

    totals: Totals
    hunt: PoisonHunt
    brake: Brake


class Session:
    """One consumer and one transactional producer, from start to close. `run` ends or raises; it never heals itself."""

    def __init__(
        self, settings: Settings, stream: str, slot: int, judge: Judge, lasting: Lasting, clock: Clock
    ) -> None:
        self._slot = slot
        self._rule_version = judge.rule_version
        self._totals = lasting.totals
        self._hunt = lasting.hunt
        self._brake = lasting.brake
        self._holding = False
        self._clock = clock
        self._topology = Topology(stream)
        lap = self._totals.stages.lap
        sorter = Sorter(self._topology, judge.rule_version, raw_max_bytes(settings.stream(stream)), lap)
        self._decider = Decider(judge, sorter, clock, lap)
        clients = Clients(settings)
        timeout_seconds = settings.validator.transaction_timeout_seconds
        self._changelog = Changelog(clients, self._topology, Windows(settings, stream, slot), timeout_seconds)
        self._partitions: dict[int, PartitionState] = {}
        self._entries: dict[int, Position] = {}
        self._failure: Exception | None = None
        self._stop = Stop()
        producer, connections = clients.watched_producer(producer_options(settings, stream, slot))
        self._transactions = Transactions(producer, timeout_seconds, clock, connections)
        self._consumer = clients.consumer(self._topology.validator_group, consumer_options(settings))
        policy = BatchPolicy(settings.validator.batch_max, settings.validator.linger_seconds)
        self._intake = Intake(self._consumer, self._topology.raw, policy)

    def run(self, stop: Stop, limit: Limit, on_batch: Callable[[], None]) -> None:
        """Validate until stopped, bounded by `limit`.

        Raises SessionLostError or KafkaException when the session must be made anew, and PlatformError when data is
        not as promised.
        """
        self._stop = stop
        self._obey_brake(limit)  # who would not wait need not join the group
        self._transactions.start()
        self._consumer.subscribe(
            [self._topology.raw], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )
        goal = self._end_offsets() if limit.until_caught_up else None
        while not (stop.requested or limit.reached):
            self._obey_brake(limit)
            messages = self._take(limit.remaining)
            if messages:
                began = self._clock.monotonic()
                limit.add(self._validate(messages))
                self._totals.busy_seconds += self._clock.monotonic() - began
            elif goal is not None and not self._holding and self._reached(goal):
                return
            on_batch()

    def close(self) -> None:
        try:
            self._consumer.close()
        finally:  # a store left open would refuse the next session
            self._transactions.close()
            for partition in list(self._partitions):
                self._let_go(partition)

    def _let_go(self, partition: int) -> None:
        state = self._partitions.pop(partition, None)
        if state is not None:
            state.window.close()

    def facts(self) -> dict[str, Any]:
        """What `status` shows of this session."""
        windows = [state.window for state in self._partitions.values()]
        return {"partitions": sorted(self._partitions), "dedup": memory_of(windows), **self._brake.facts()}

    def _obey_brake(self, limit: Limit) -> None:
        """A paused stream's validators stay in the group, and their partitions with them, but fetch nothing."""
        if self._brake.is_on:
            if limit.is_by_work:
                raise PausedError(self._brake.facts()["problem"])
            self._consumer.pause(self._consumer.assignment())  # those that came since the last time, too
            self._holding = True
        elif self._holding:
            self._consumer.resume(self._consumer.assignment())
            self._seek_back()
            self._holding = False

    def _take(self, remaining: int | None) -> list[Any]:
        self._totals.stages.begin()
        try:
            messages = self._intake.poll(remaining)
        except KafkaException:
            self._raise_failure()
            raise
        self._raise_failure()
        if self._holding:  # of a partition that has just come; `_seek_back` reads it again
            return []
        standing = {partition: state.next_offset for partition, state in self._partitions.items()}
        messages = self._intake.in_order(messages, standing)
        hunted = self._hunt.most([message.partition() for message in messages])
        self._totals.stages.lap("fetch")
        return messages if hunted is None else self._intake.only(messages, *hunted)

    def _raise_failure(self) -> None:
        """What a rebalance met comes first: partitions that we did not take the client takes by itself, and fails."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _validate(self, messages: list[Any]) -> int:
        """One transaction. The number of records it covered; 0 when it was aborted."""
        spans = spans_of(messages)
        try:
            outcomes = self._decider.decide(messages, self._partitions, self._hunt.convicted(spans))
            if self._brake.holds(outcomes):
                self._seek_back()
                return 0
            self._transact(outcomes)
        except (BadBatchError, RefusedError) as error:
            self._refuse_to_go_round(spans, error)
            self._hunt.failed(spans, str(error))
            self._undo(error, begun=isinstance(error, RefusedError))
            return 0
        except AbortRequiredError as error:
            self._undo(error, begun=True)
            return 0
        self._hunt.passed(spans)
        self._brake.passed(outcomes)
        self._remember(outcomes)
        self._totals.stages.lap("dedup")
        faultpoint("validator.after_apply")
        return len(messages)

    def _transact(self, outcomes: list[Outcome]) -> None:
        offsets = [TopicPartition(self._topology.raw, outcome.partition, outcome.last + 1) for outcome in outcomes]
        self._entries = {}
        began = self._clock.monotonic()
        self._transactions.begin()
        self._produce(outcomes)
        self._totals.stages.lap("produce")
        self._transactions.commit(offsets, self._consumer)
        self._totals.stages.lap("commit")
        self._totals.write_seconds += self._clock.monotonic() - began

    def _undo(self, error: Exception, *, begun: bool) -> None:
        """Nothing of this batch has happened: read it again."""
        log.warning("transaction aborted: %s", error)
        self._totals.aborts += 1
        self._totals.last_error = str(error)
        if begun:
            self._transactions.abort()
        self._seek_back()

    def _refuse_to_go_round(self, spans: dict[int, Span], error: Exception) -> None:
        if self._hunt.stuck(spans):
            ((partition, span),) = spans.items()
            raise IntegrityError(
                f"{self._topology.raw}/{partition}: the record at offset {span.first} can be produced neither as a "
                f"validated record nor as a dead letter: {error}.",
                next_step=f"See the limits of topic {self._topology.dead_letters}, above all max.message.bytes; then "
                "start the validator again.",
            ) from error

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
            entry = outcome.ledger_entry(self._topology.stream, self._rule_version, self._slot, now)
            try:
                value = ledger.encode(entry)
            except ValueError as error:
                raise RefusedError(str(error)) from error
            self._transactions.produce(
                self._topology.ledger,
                outcome.partition,
                key=ledger.key(outcome.partition),
                value=value,
                timestamp=outcome.stream_time_ms,
                on_delivery=partial(self._note_entry, outcome),
            )

    def _note_entry(self, outcome: Outcome, error: Any, message: Any) -> None:
        """The ledger has an entry; called from inside the flush, before the commit."""
        if error is None:
            self._entries[outcome.partition] = Position(message.offset() + 1, outcome.last)

    def _remember(self, outcomes: list[Outcome]) -> None:
        self._totals.transactions += 1
        for outcome in outcomes:
            state = self._partitions.get(outcome.partition)
            if state is not None:
                position = self._entries.get(outcome.partition)
                state.window.accept(outcome.ids, outcome.fingerprints, outcome.stream_time_ms, position)
                self._partitions[outcome.partition] = PartitionState(outcome.last + 1, state.window)
            self._totals.add(outcome)

    def _seek_back(self) -> None:
        """Read again what the aborted transaction had covered: an abort does not move the consumer."""
        for partition, state in self._partitions.items():
            self._consumer.seek(TopicPartition(self._topology.raw, partition, state.next_offset))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Restore each partition before its first record. Errors wait for `_take`: a callback cannot raise."""
        self._totals.rebalances += bool(partitions)
        over_at = self._changelog.pending_over_at()
        try:
            for partition in partitions:
                state = self._changelog.restore(
                    consumer, partition.partition, over_at, lambda: not self._stop.requested
                )
                self._partitions[partition.partition] = state
                partition.offset = state.next_offset
        except (KafkaException, PlatformError) as error:
            self._failure = error
            for partition in partitions:
                self._let_go(partition.partition)
            return
        consumer.incremental_assign(partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """No transaction is open here: callbacks run inside `consume`, transactions between two calls of it."""
        self._totals.rebalances += bool(partitions)
        for partition in partitions:
            self._let_go(partition.partition)
            self._hunt.forget(partition.partition)
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
