"""Send dead letters again: back into the raw topic, in their order, each once, whatever breaks.

What is meant is in the warehouse before the first record of a batch is sent (docs/decisions/0020-redrive.md):

    1  ask where the raw topic ends
    2  one DuckDB transaction: note what the batch before became; decide on this one; its intent
    3  send, and wait for Kafka
A run that was interrupted behind 2 is continued by the next: what of the batch is behind the end of step 1 was sent.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from iot_platform.clock import Clock
from iot_platform.contract.patches import parse_patch
from iot_platform.contract.patching import UnpatchableError
from iot_platform.contract.topology import Topology
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import Stop, lease
from iot_platform.settings import Settings
from iot_platform.stream.redrive import Outgoing, RawTopic
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.marts import transaction
from iot_platform.warehouse.workbench import (
    Batch,
    Connection,
    Decision,
    Known,
    Source,
    accepted_before,
    add_batch,
    add_decisions,
    add_known,
    ask_letters,
    unsent,
)
from iot_platform.workbench.jobs import Job, oldest_to_send
from iot_platform.workbench.letters import Asked, Letter
from iot_platform.workbench.preparing import Prepared, identity, outgoing, prepare

_BATCH = 500


@dataclass
class Redriven:
    """What a run did, in records; `chosen` were asked for, `left` of them were not come to."""

    chosen: int = 0
    sent: int = 0
    continued: int = 0
    duplicates: int = 0
    unchanged: int = 0
    unrecoverable: int = 0
    too_old: int = 0
    left: int = 0
    why: Counter[str] = field(default_factory=Counter)
    """Why records could not be patched."""

    @property
    def sentence(self) -> str:
        more = {
            "of an interrupted run finished": self.continued,
            "had been accepted already": self.duplicates,
            "would not change": self.unchanged,
            "cannot be patched": self.unrecoverable,
            "older than Kafka keeps records of the stream (raise retention.raw_days and validated_days)": self.too_old,
            "left": self.left,
        }
        told = "".join(f", {count:,} {what}" for what, count in more.items() if count)
        return f"{self.sent:,} of {self.chosen:,} dead letters sent again{told}."


Tell = Callable[[Redriven], None]


def redrive(settings: Settings, job: Job, *, clock: Clock, stop: Stop, tell: Tell = lambda _: None) -> Redriven:
    """Send again what the job asks for, after what an interrupted run left.

    Raises AlreadyRunningError when another run is at this stream's dead letters, KafkaUnavailableError or
    WarehouseBusyError when it cannot go on: the next run continues.
    """
    stream = job.asked.stream
    settings.stream(stream)
    with working(settings, stream):
        run = _Run(settings, job, clock, tell)
        run.go_on()
        run.send_all(stop)
    return run.result


@contextmanager
def working(settings: Settings, stream: str) -> Iterator[None]:
    """One at a time works on the dead letters of a stream. Raises AlreadyRunningError."""
    with lease(settings.lease_dir / f"dlq-{stream}.lock", f"Work on the dead letters of stream {stream}"):
        yield


@dataclass
class _Plan:
    """One batch, decided: what goes out, and what is to be written before it does."""

    batch: Batch
    records: list[Outgoing] = field(default_factory=list)
    patched: dict[Source, str | None] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)


class _Run:
    def __init__(self, settings: Settings, job: Job, clock: Clock, tell: Tell) -> None:
        self._settings = settings
        self._job = job
        self._clock = clock
        self._tell = tell
        self._stream = job.asked.stream
        self._topology = Topology(self._stream)
        self._raw = RawTopic(settings, self._stream)
        self._name = job.patch.name if job.patch else None
        self._digest = job.patch.digest if job.patch else None
        self._oldest = oldest_to_send(settings.stream(self._stream).retention, clock.now())
        self._known: list[Known] = []
        self.result = Redriven()

    def go_on(self) -> None:
        """Finish the batches that a run before this one had decided on and not seen through."""
        with open_warehouse(self._settings, read_only=True) as connection:
            rest = unsent(connection, self._stream)
        for batch, sources in rest:
            found = self._raw.find(batch.redrive_id, batch.raw_ends, len(sources))
            missing = [source for source in sources if source not in found]
            patch = parse_patch(batch.patch, batch.patch_text) if batch.patch and batch.patch_text else None
            with open_warehouse(self._settings, read_only=True) as connection:
                letters = _letters(connection, Asked(self._stream), sources)
            records, patched = [], {}
            for letter in letters:
                prepared = prepare(letter, patch)
                assert prepared is not None  # it was decided on with the same bytes and the same patch
                record, patched[letter.at] = outgoing(letter, prepared, patch, batch.redrive_id)
                records += [record] if letter.at in missing else []
            self._note({**found, **self._raw.send(records)}, batch.redrive_id, patched)
            self.result.continued += len(sources)
        self._write_known()

    def send_all(self, stop: Stop) -> None:
        asked = self._job.taken
        keys = self._keys(asked)
        self.result.chosen = self.result.left = len(keys)
        began = self._clock.monotonic()
        most = min(_BATCH, max(1, int(self._job.rate)))
        for sources in (keys[start : start + most] for start in range(0, len(keys), most)):
            if stop.requested:
                break
            self._send_batch(asked, sources)
            self._tell(self.result)
            due = began + self.result.sent / self._job.rate
            stop.wait(max(0.0, due - self._clock.monotonic()))
        self._write_known()

    def _keys(self, asked: Asked) -> list[Source]:
        keys: list[Source] = []
        with open_warehouse(self._settings, read_only=True) as connection:
            for named in asked.named():
                rows = ask_letters(connection, "places", {**named, "most": self._job.limit - len(keys)})
                keys += [Source(row["source_partition"], row["source_offset"]) for row in rows]
        return keys

    def _send_batch(self, asked: Asked, sources: Sequence[Source]) -> None:
        batch = Batch(uuid.uuid4().hex, self._raw.ends(), self._name, self._job.patch.text if self._job.patch else None)
        with open_warehouse(self._settings) as connection, transaction(connection):
            add_known(connection, self._stream, self._known, self._clock.now())
            plan = self._decide(connection, batch, _letters(connection, asked, sources))
            if plan.records:
                add_batch(connection, self._stream, batch, self._clock.now())
            add_decisions(connection, self._stream, plan.decisions, self._clock.now())
            add_known(connection, self._stream, plan.known, self._clock.now())
        self._known = []
        self.result.left -= len(sources)
        faultpoint("redrive.after_intent")
        self._note(self._raw.send(plan.records), batch.redrive_id, plan.patched)
        self.result.sent += len(plan.records)
        faultpoint("redrive.after_send")

    def _decide(self, connection: Connection, batch: Batch, letters: Sequence[Letter]) -> _Plan:
        plan = _Plan(batch)
        ready: list[tuple[Letter, Prepared]] = []
        for letter in letters:
            if letter.accepted_at < self._oldest:
                self.result.too_old += 1
                continue
            try:
                prepared = prepare(letter, self._job.patch)
            except UnpatchableError as error:
                self._give_up(plan, letter, str(error))
                continue
            if prepared is None:
                self.result.unchanged += 1
            else:
                ready.append((letter, prepared))
        accepted = self._accepted(connection, ready)
        for letter, prepared in ready:
            found = identity(prepared.value)
            self._add(plan, letter, prepared, accepted.get(found[0]) if found else None)
        return plan

    def _give_up(self, plan: _Plan, letter: Letter, why: str) -> None:
        plan.decisions.append(Decision(letter.at, "unrecoverable", None, self._name, self._digest, why))
        self.result.unrecoverable += 1
        self.result.why[why] += 1

    def _add(self, plan: _Plan, letter: Letter, prepared: Prepared, accepted: Source | None) -> None:
        record, patched = outgoing(letter, prepared, self._job.patch, plan.batch.redrive_id)
        if not self._raw.fits(record.parts):
            self._give_up(plan, letter, "with its headers it is too large for the raw topic")
            return
        plan.decisions.append(Decision(letter.at, "redrive", plan.batch.redrive_id, self._name, self._digest))
        if accepted is None:
            plan.records.append(record)
            plan.patched[letter.at] = patched
            return
        # Deduplication may have forgotten it by now; the warehouse has not.
        place = (self._topology.validated, *accepted)
        plan.known.append(Known(letter.at, plan.batch.redrive_id, "duplicate", *place))
        self.result.duplicates += 1

    def _accepted(self, connection: Connection, ready: Sequence[tuple[Letter, Prepared]]) -> dict[str, Source]:
        """Readings that were accepted under the ids of these records, by id.

        The same reading has the same moment of birth: asked by it, DuckDB passes over what is far from it.
        """
        identities = [found for _, prepared in ready if (found := identity(prepared.value))]
        if not identities:
            return {}
        born = [moment for _, moment in identities]
        born += [found[1] for letter, _ in ready if (found := identity(letter.value))]
        ids = [message_id for message_id, _ in identities]
        return accepted_before(connection, self._stream, ids, (min(born), max(born)))

    def _note(
        self, there: Mapping[Any, tuple[int, int]], redrive_id: str, patched: Mapping[Source, str | None]
    ) -> None:
        self._known += [
            Known(Source(*source), redrive_id, "sent", self._topology.raw, *place, patched.get(Source(*source)))
            for source, place in there.items()
        ]

    def _write_known(self) -> None:
        if self._known:
            with open_warehouse(self._settings) as connection, transaction(connection):
                add_known(connection, self._stream, self._known, self._clock.now())
            self._known = []


def _letters(connection: Connection, asked: Asked, sources: Sequence[Source]) -> list[Letter]:
    """Those of `sources` that are still what is asked for, in their order."""
    wanted = replace(asked, sources=tuple(sources))
    return [Letter.of(row) for named in wanted.named() for row in ask_letters(connection, "in_order", named)]
