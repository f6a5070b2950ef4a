"""Why a stream lags: looks twice at all that tells something, and judges. Disturbs nobody for longer than a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from iot_platform.clock import Clock
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError, WarehouseBusyError
from iot_platform.lifecycle import is_held
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.newest import newest_keys
from iot_platform.stream.offsets import GroupFigures, group_lag
from iot_platform.stream.preflight import kafka_probe
from iot_platform.supervision.paused import pause_document
from iot_platform.supervision.slots import Desired, Role, all_slots, read_desired
from iot_platform.supervision.status import read_heartbeats
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.watch.diagnosis.assembling import Process, partition_facts, process_facts, skew_of
from iot_platform.watch.diagnosis.facts import Facts, MachineFacts, PartitionFacts, ProcessFacts, Skew
from iot_platform.watch.diagnosis.judging import summary_of, verdicts_of
from iot_platform.watch.diagnosis.verdict import Verdict

_QUESTIONS = 5
_ANSWER_SECONDS = 3.0
_NEWEST_RECORDS = 2_000
_NANOSECONDS = 1e9
_LOOKED_INTO = 1.5
"""As much as the mean of the partitions."""
_LOADER = "loader"


@dataclass(frozen=True)
class Diagnosis:
    facts: Facts
    verdicts: list[Verdict]

    @property
    def summary(self) -> str:
        return summary_of(self.facts, self.verdicts)

    def as_document(self) -> dict[str, Any]:
        facts = self.facts
        trips = [round(1000 * one, 1) for one in facts.round_trips]
        return {
            "well": not self.verdicts,
            "summary": self.summary,
            "verdicts": [verdict.as_document() for verdict in self.verdicts],
            "seconds": round(facts.seconds, 1),
            "kafka": {"reachable": facts.reachable, "round_trips_ms": trips},
            "machine": vars(facts.machine),
            "processes": [{**vars(one), "partitions": list(one.partitions)} for one in facts.processes],
            "partitions": [vars(one) for one in facts.partitions],
            "skews": [vars(one) for one in facts.skews],
            "warehouse_held_by": facts.holder or None,
        }


@dataclass(frozen=True)
class _Look:
    """`groups` is None where Kafka did not answer; `waited` is by process, in seconds since its start."""

    at: float
    beats: Mapping[str, Mapping[str, Any]]
    waited: Mapping[str, float]
    groups: tuple[GroupFigures, ...] | None
    holder: str
    busy_seconds: float
    all_seconds: float


def diagnose(settings: Settings, clock: Clock, wait: Callable[[], object]) -> Diagnosis:
    """Two looks, with `wait` between them (some seconds: signs of life come each second), and the verdicts on them."""
    clients = Clients(settings)
    before = _look(settings, clients, clock)
    wait()
    trips = _round_trips(settings, clock) if before.groups is not None else ()
    after = _look(settings, clients, clock)
    partitions = tuple(partition_facts(before.groups or (), after.groups or ()))
    paused = {stream: pause_document(settings, stream, clock, None) for stream in settings.streams}
    facts = Facts(
        seconds=after.at - before.at,
        reachable=after.groups is not None,
        round_trips=trips,
        processes=tuple(_facts_of(who, before, after) for who in _processes(settings)),
        partitions=partitions,
        machine=_machine(before, after),
        skews=tuple(_skews(settings, clients, partitions)),
        holder=after.holder if before.holder else "",
        paused={stream: document["text"] for stream, document in paused.items() if document},
        wanted=_wanted(settings),
    )
    return Diagnosis(facts, verdicts_of(facts))


def _look(settings: Settings, clients: Clients, clock: Clock) -> _Look:
    beats = read_heartbeats(settings.heartbeat_dir, clock)
    waited = {name: seconds for name, beat in beats.items() if (seconds := _waited_seconds(beat["pid"])) is not None}
    times = psutil.cpu_times()
    return _Look(
        clock.monotonic(), beats, waited, _groups(settings, clients, clock), _holder(settings),
        sum(times) - times.idle - getattr(times, "iowait", 0.0), sum(times),
    )  # fmt: skip


def _groups(settings: Settings, clients: Clients, clock: Clock) -> tuple[GroupFigures, ...] | None:
    if not kafka_probe(settings, _ANSWER_SECONDS)():
        return None
    try:
        return tuple(group for stream in settings.streams for group in group_lag(clients, stream, clock))
    except KafkaUnavailableError:
        return None


def _holder(settings: Settings) -> str:
    """Who has DuckDB's file at this moment; a loader has it for the time of a load."""
    if not settings.warehouse_path.exists():
        return ""
    hasty = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"busy_timeout_seconds": 0})})
    try:
        with open_warehouse(hasty, read_only=True):
            return ""
    except WarehouseBusyError as error:
        return error.message


def _round_trips(settings: Settings, clock: Clock) -> tuple[float, ...]:
    """Seconds of small questions over one connection that is there already; none where Kafka does not answer."""
    probe, trips = kafka_probe(settings, _ANSWER_SECONDS), []
    if not probe():
        return ()
    for _ in range(_QUESTIONS):
        began = clock.monotonic()
        if not probe():
            return ()
        trips.append(clock.monotonic() - began)
    return tuple(trips)


def _waited_seconds(pid: int) -> float | None:
    """How long the main thread of a process wanted a processor and had none, since its start; Linux alone tells."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / _NANOSECONDS
    except (OSError, IndexError, ValueError):
        return None


def _processes(settings: Settings) -> Iterator[Process]:
    """Who should be there, and the loader; under Dagster a cycle loads, so that none runs between two."""
    for slot in all_slots(settings, _desired(settings)):
        yield Process(slot.name, str(slot.role), slot.stream, is_held(slot.lease_path(settings)))
    yield Process(_LOADER, _LOADER, "", is_held(settings.lease_dir / f"{_LOADER}.lock"))


def _desired(settings: Settings) -> Desired:
    return read_desired(settings) if settings.dagster.enabled else Desired()


def _wanted(settings: Settings) -> dict[str, int]:
    """Validators by stream that may run: those that a person stopped are off, and well."""
    desired = _desired(settings)
    slots = [slot for slot in all_slots(settings, desired) if slot.role is Role.VALIDATOR and desired.lets_run(slot)]
    return {stream: sum(slot.stream == stream for slot in slots) for stream in settings.streams}


def _facts_of(who: Process, before: _Look, after: _Look) -> ProcessFacts:
    waited = None
    if who.name in before.waited and who.name in after.waited:
        waited = max(0.0, after.waited[who.name] - before.waited[who.name]) / (after.at - before.at)
    return process_facts(who, before.beats.get(who.name, {}), after.beats.get(who.name, {}), waited)


def _machine(before: _Look, after: _Look) -> MachineFacts:
    spent = max(1e-9, after.all_seconds - before.all_seconds)
    busy = min(1.0, max(0.0, (after.busy_seconds - before.busy_seconds) / spent))
    return MachineFacts(psutil.cpu_count() or 1, busy, psutil.virtual_memory().available)


def _skews(settings: Settings, clients: Clients, partitions: Sequence[PartitionFacts]) -> Iterator[Skew]:
    """Of each stream's busiest raw partition, when others are much less so."""
    for stream in settings.streams:
        mine = [one for one in partitions if one.topic == Topology(stream).raw and one.inflow > 0]
        if not mine:
            continue
        busiest = max(mine, key=lambda one: one.inflow)
        if len(mine) > 1 and busiest.inflow < _LOOKED_INTO * sum(one.inflow for one in mine) / len(mine):
            continue
        with suppress(KafkaUnavailableError):  # that it does not answer is a verdict of its own
            keys = newest_keys(clients, busiest.topic, busiest.partition, _NEWEST_RECORDS, _ANSWER_SECONDS)
            if (skew := skew_of(busiest.topic, busiest.partition, keys)) is not None:
                yield skew
