"""Which slots to start, which to leave off, and which runs are dead without knowing it. Pure: facts in, actions out.

drained                                                   nothing is started
its last run was terminated by a person                   it is held: off until somebody starts it again
a run of it is queued or runs                             nothing to do
… but its worker is gone (nobody has the slot's lease)    the run is told to be over, and the next is started
its last runs failed                                      the next is started after a wait that doubles
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from iot_platform.supervision.slots import Desired, Slot

Status = dg.DagsterRunStatus
_LIVE = frozenset(
    {Status.QUEUED, Status.NOT_STARTED, Status.MANAGED, Status.STARTING, Status.STARTED, Status.CANCELING}
)
_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 300.0
_LEASE_GRACE_SECONDS = 60.0
"""A worker takes its lease seconds after its run started; on a loaded machine it may take longer."""


@dataclass(frozen=True)
class RunFacts:
    """One run of a slot."""

    run_id: str
    status: Status
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class SlotFacts:
    """One slot: its runs, the newest first, and whether a living process has its lease."""

    slot: Slot
    runs: Sequence[RunFacts]
    leased: bool


@dataclass(frozen=True)
class Launch:
    slot: Slot


@dataclass(frozen=True)
class Hold:
    """A person terminated this run: the slot stays off."""

    slot: Slot
    run_id: str


@dataclass(frozen=True)
class Bury:
    """This run's worker is gone, and nobody has told Dagster."""

    slot: Slot
    run_id: str


@dataclass(frozen=True)
class Wait:
    """The slot failed `failures` times in a row: it is started again at `until`."""

    slot: Slot
    failures: int
    until: datetime


Action = Launch | Hold | Bury | Wait


def decide(facts: Iterable[SlotFacts], desired: Desired, now: datetime) -> list[Action]:
    """What to do now, one action a slot at most."""
    wanted = [one for one in facts if desired.lets_run(one.slot)]
    decided = [_decide_slot(one, desired.released, now) for one in wanted]
    return [action for action in decided if action is not None]


def _decide_slot(facts: SlotFacts, released: Mapping[str, str], now: datetime) -> Action | None:
    live = [run for run in facts.runs if run.status in _LIVE]
    if live:
        return next((Bury(facts.slot, run.run_id) for run in live if _is_dead(run, facts.leased, now)), None)
    if facts.leased:
        return None  # a worker that outlived its run is about to stop: the next one would end at its lease
    since = released.get(facts.slot.name)
    ended = [run for run in facts.runs if since is None or run.created_at >= datetime.fromisoformat(since)]
    if ended and ended[0].status is Status.CANCELED:
        return Hold(facts.slot, ended[0].run_id)
    failures = next((nth for nth, run in enumerate(ended) if run.status is not Status.FAILURE), len(ended))
    until = _start_after(ended, failures)
    return Launch(facts.slot) if until is None or now >= until else Wait(facts.slot, failures, until)


def _is_dead(run: RunFacts, leased: bool, now: datetime) -> bool:
    """A run whose worker has had time to take the lease, and does not hold it."""
    since = run.started_at
    return (
        run.status is Status.STARTED
        and not leased
        and since is not None
        and _seconds(since, now) > _LEASE_GRACE_SECONDS
    )


def _seconds(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()


def _start_after(ended: Sequence[RunFacts], failures: int) -> datetime | None:
    """None: at once. The first failure too waits a little, or a run that fails at its start would fill the log."""
    if failures == 0 or (ended_at := ended[0].ended_at) is None:
        return None
    wait_seconds = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 16))
    return ended_at + timedelta(seconds=wait_seconds)
