"""One look at every stream that is scaled: gather what is known, let `watch.scaling.decide`, write what is wanted.

Nobody is started or stopped here: the keeper of the streams starts what is wanted and missing, and a validator that is
wanted no more ends by itself, between two transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import psutil

from iot_platform.clock import Clock
from iot_platform.contract.topology import Topology
from iot_platform.errors import PlatformError
from iot_platform.lifecycle import is_held, waited_lease
from iot_platform.pipeline.courses import Kept
from iot_platform.pipeline.lag import LagReport, watch_own
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.pauses import read_standing
from iot_platform.stream.preflight import wait_for_kafka
from iot_platform.supervision.brokers import broker_facts, can_serve
from iot_platform.supervision.scaled import Record, Sample, read_record, write_record
from iot_platform.supervision.slots import (
    Desired,
    Draining,
    Role,
    Slot,
    change_desired,
    read_desired,
    validators_wanted,
)
from iot_platform.supervision.status import read_heartbeats
from iot_platform.watch.lag.verdict import GroupLag
from iot_platform.watch.scaling.deciding import decide
from iot_platform.watch.scaling.known import Decision, Downstream, Known, Load, Machine, Policy
from iot_platform.watch.scaling.measuring import downstream_of, load_of

LOOK_SECONDS = 10.0
_LOOKS = 13
"""Two minutes: enough to call somebody stalled."""
_KAFKA_SECONDS = 3.0
_LATE_INTERVALS = 3
_LATE_SECONDS = 120.0
_USUAL_BYTES = 300_000_000
"""Of a validator that nobody has seen yet."""

Beats = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Scaled:
    """What was known of a stream and what was decided."""

    stream: str
    known: Known
    decision: Decision

    @property
    def changed(self) -> bool:
        return self.decision.wanted != self.known.wanted


def policy_of(settings: Settings) -> Policy:
    options = settings.scaling
    return Policy(
        options.catch_up_seconds,
        options.out_after_seconds,
        options.in_after_seconds,
        options.settle_seconds,
        options.cpu_share,
    )


def look_seconds(settings: Settings) -> float:
    """How often to look: no less often than the watch does."""
    return min(LOOK_SECONDS, settings.dagster.watch_interval_seconds)


def scaled_streams(settings: Settings) -> list[str]:
    return [stream for stream, options in settings.streams.items() if options.validators_most is not None]


def ask_kafka(settings: Settings, clock: Clock) -> LagReport | None:
    """Where our groups stand; None where Kafka does not answer."""
    if not can_serve(broker_facts(settings)):
        return None
    try:
        wait_for_kafka(Clients(settings), _KAFKA_SECONDS)
        return watch_own(settings, clock, Kept("scaling.json", _LOOKS, look_seconds(settings)))
    except PlatformError:
        return None


Ask = Callable[[Settings, Clock], LagReport | None]


def scale(settings: Settings, clock: Clock, ask: Ask = ask_kafka) -> list[Scaled]:
    """Decide for every stream that is scaled, and make it wanted; nothing while somebody else is at it."""
    with waited_lease(settings.lease_dir / "scaling.lock", lambda: False) as held:
        streams = scaled_streams(settings) if held else []
        if not streams:
            return []
        report, desired = ask(settings, clock), read_desired(settings)
        beats, sample = read_heartbeats(settings.heartbeat_dir, clock), _sampled(clock.now())
        return [_scale(settings, _View(stream, desired, beats, sample, report), clock) for stream in streams]


@dataclass(frozen=True)
class _View:
    """What one look gave, for one stream."""

    stream: str
    desired: Desired
    beats: Beats
    sample: Sample
    report: LagReport | None


def _scale(settings: Settings, view: _View, clock: Clock) -> Scaled:
    record = read_record(settings, view.stream)
    known, sample = _known(settings, view, record)
    decision = decide(known, record.memory, policy_of(settings), clock.now())
    # First what is remembered: a crash in between then leaves a change that did not happen, and is waited out.
    write_record(settings, view.stream, Record(decision.memory, clock.now(), decision.why, sample))
    if decision.wanted != known.wanted:
        change_desired(settings, partial(_want, stream=view.stream, number=decision.wanted))
    return Scaled(view.stream, known, decision)


def _want(desired: Desired, stream: str, number: int) -> Desired:
    return replace(desired, scaled={**desired.scaled, stream: number})


def _known(settings: Settings, view: _View, record: Record) -> tuple[Known, Sample]:
    options, topology = settings.streams[view.stream], Topology(view.stream)
    wanted = validators_wanted(settings, view.desired, view.stream)
    group, loader = _group(view.report, topology.validator_group), _group(view.report, topology.loader_group)
    most = max(wanted, options.validators_most or 0, options.partitions)
    slots = [Slot(Role.VALIDATOR, view.stream, number) for number in range(most)]
    partitions = len(group.partitions) if group else options.partitions
    mine = {slot.number: beat for slot in slots if (beat := _beat_of(settings, slot, view.beats)) is not None}
    sample = replace(view.sample, busy_seconds=_busy_seconds(mine))
    known = Known(
        wanted=wanted,
        running=sum(bool(beat.get("partitions")) or wanted > partitions for beat in mine.values()),
        least=options.validators_least,
        most=options.validators_most or wanted,
        partitions=partitions,
        machine=_machine(mine, record.sample, sample),
        load=_load(settings, group, record) if group else None,
        loader=_loader(settings, loader),
        fixed=view.desired.validators.get(view.stream),
        off=_off(settings, view, wanted),
        owners={number: tuple(beat.get("partitions", ())) for number, beat in mine.items()},
        busy_share=_busy_share(record.sample, sample),
    )
    return known, sample


def _group(report: LagReport | None, name: str) -> GroupLag | None:
    return next((group for group in report.groups if group.group == name), None) if report else None


def _load(settings: Settings, group: GroupLag, record: Record) -> Load:
    """Of looks from after the last change, and after what it stirred up."""
    policy, since = policy_of(settings), record.memory.steady_since
    since_ms = float("inf") if since is None else 1000 * (since.timestamp() + policy.settle_seconds)
    return load_of(group, since_ms, policy.out_after_seconds, settings.lag.allowed_seconds)


def _loader(settings: Settings, group: GroupLag | None) -> Downstream | None:
    if group is None:
        return None
    return downstream_of(group, max(_LATE_SECONDS, _LATE_INTERVALS * settings.dagster.load_interval_seconds))


def _off(settings: Settings, view: _View, wanted: int) -> str:
    """Why the stream is not to be scaled at all."""
    if view.desired.draining is not Draining.NOTHING:
        return "it is drained"
    pause = read_standing(settings, view.stream).pause
    if pause is not None:
        return f"it is paused since {pause.since[:19]}Z: {pause.why}"
    held = [Slot(Role.VALIDATOR, view.stream, number).name for number in range(wanted)]
    stopped = [name for name in held if name in view.desired.held]
    return f"a person stopped {', '.join(stopped)}" if stopped else ""


def _beat_of(settings: Settings, slot: Slot, beats: Beats) -> Mapping[str, Any] | None:
    """The last sign of the process that has the slot now, empty before its first; None where nobody has it."""
    lease = slot.lease_path(settings)
    if not is_held(lease):
        return None
    beat = beats.get(slot.name, {})
    return beat if str(beat.get("pid")) == lease.read_text(encoding="utf-8").strip() else {}


def _machine(mine: Mapping[int, Mapping[str, Any]], before: Sample | None, now: Sample) -> Machine:
    """A validator more takes as much memory as the largest there is."""
    largest = max((int(beat.get("memory_bytes", 0)) for beat in mine.values()), default=0)
    share = None
    if before is not None and now.cpu_seconds > before.cpu_seconds:
        share = (now.cpu_busy_seconds - before.cpu_busy_seconds) / (now.cpu_seconds - before.cpu_seconds)
    return Machine(psutil.cpu_count() or 1, psutil.virtual_memory().available, largest or _USUAL_BYTES, share)


def _sampled(now: datetime) -> Sample:
    times = psutil.cpu_times()
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)  # counted in user and nice
    return Sample(now, total - times.idle - getattr(times, "iowait", 0.0), total)


def _busy_seconds(mine: Mapping[int, Mapping[str, Any]]) -> dict[str, tuple[int, float]]:
    return {str(number): (beat["pid"], beat["busy_seconds"]) for number, beat in mine.items() if "busy_seconds" in beat}


def _busy_share(before: Sample | None, now: Sample) -> float | None:
    """Of the validators that lived all the time; None where one did not: its start is no rest."""
    seconds = (now.at - before.at).total_seconds() if before else 0.0
    if before is None or seconds <= 0 or not now.busy_seconds or now.busy_seconds.keys() != before.busy_seconds.keys():
        return None
    shares = []
    for name, (pid, busy_seconds) in now.busy_seconds.items():
        old_pid, old_seconds = before.busy_seconds[name]
        if pid != old_pid:
            return None
        shares.append(max(0.0, busy_seconds - old_seconds) / seconds)
    return sum(shares) / len(shares)
