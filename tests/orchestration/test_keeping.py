"""What the sensor of the streams decides: a table of cases, and rules that hold for any history."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from iot_platform.orchestration.streams.keeping import (
    Action,
    Bury,
    Hold,
    Launch,
    RunFacts,
    SlotFacts,
    Wait,
    decide,
)
from iot_platform.settings import StreamSettings, load_settings
from iot_platform.supervision.slots import Desired, Draining, Role, Slot, all_slots

Status = dg.DagsterRunStatus
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLOT = Slot(Role.VALIDATOR, "iot_data")
PRODUCER = Slot(Role.PRODUCER, "iot_data")
LIVE = [Status.QUEUED, Status.NOT_STARTED, Status.MANAGED, Status.STARTING, Status.STARTED, Status.CANCELING]
ENDED = [Status.SUCCESS, Status.FAILURE, Status.CANCELED]


def run(
    status: Status, *, created: float = 3600, started: float = 3590, ended: float = 600, run_id: str = "r"
) -> RunFacts:
    """A run whose moments are so many seconds ago."""
    return RunFacts(
        run_id,
        status,
        _ago(created),
        None if status in (Status.QUEUED, Status.NOT_STARTED) else _ago(started),
        _ago(ended) if status in ENDED else None,
    )


def _ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def act(*runs: RunFacts, leased: bool = False, desired: Desired | None = None, slot: Slot = SLOT) -> Action | None:
    """What is decided for one slot."""
    actions = decide([SlotFacts(slot, runs, leased)], desired or Desired(), NOON)
    assert len(actions) <= 1
    return actions[0] if actions else None


@dataclass(frozen=True)
class Case:
    """`runs` are of one slot, the newest first."""

    runs: tuple[RunFacts, ...]
    expected: Action | None
    leased: bool = False


def failed(times: int, seconds_ago: float) -> tuple[RunFacts, ...]:
    return tuple(run(Status.FAILURE, ended=seconds_ago + 1000 * nth) for nth in range(times))


def _wait(failures: int, seconds: float) -> Wait:
    return Wait(SLOT, failures, NOON + timedelta(seconds=seconds))


CASES = {
    "a slot that never ran is started": Case((), Launch(SLOT)),
    "a slot whose worker lives without a run is left alone": Case((), None, leased=True),
    "an orphan that outlived its failed run is left alone": Case(failed(1, 600), None, leased=True),
    "an orphan of a terminated run is left alone": Case((run(Status.CANCELED),), None, leased=True),
    **{
        f"{status.value} with its lease is as it should be": Case((run(status),), None, leased=True)
        for status in LIVE
    },
    **{
        f"{status.value} without a lease may still take it": Case((run(status),), None)
        for status in LIVE
        if status is not Status.STARTED
    },
    "STARTED without a lease is buried after 60 s": Case((run(Status.STARTED, started=61),), Bury(SLOT, "r")),
    "STARTED without a lease has 60 s to take it": Case((run(Status.STARTED, started=60),), None),
    "the dead one of two live runs is buried": Case(
        (run(Status.QUEUED, run_id="young"), run(Status.STARTED, run_id="dead")), Bury(SLOT, "dead")
    ),
    "a live run is enough whatever ended after it was created": Case(
        (run(Status.CANCELED, created=5), run(Status.STARTED, created=10)), None, leased=True
    ),
    "a recycled or drained run is followed at once": Case((run(Status.SUCCESS, ended=0),), Launch(SLOT)),
    "a terminated run holds its slot": Case((run(Status.CANCELED, run_id="gone"),), Hold(SLOT, "gone")),
    "a termination long ago holds as well": Case(
        (run(Status.CANCELED, created=9e6, ended=8e6, run_id="gone"),), Hold(SLOT, "gone")
    ),
    "a run after the terminated one counts more": Case((run(Status.SUCCESS), run(Status.CANCELED)), Launch(SLOT)),
    "one failure waits 5 s": Case(failed(1, 4), _wait(1, 1)),
    "one failure is over after 5 s": Case(failed(1, 5), Launch(SLOT)),
    "two failures wait 10 s": Case(failed(2, 9), _wait(2, 1)),
    "three failures wait 20 s": Case(failed(3, 19), _wait(3, 1)),
    "six failures wait 160 s": Case(failed(6, 159), _wait(6, 1)),
    "seven failures wait 300 s and not 320": Case(failed(7, 299), _wait(7, 1)),
    "many failures wait no longer than 300 s": Case(failed(40, 300), Launch(SLOT)),
    "failures before a success count no more": Case(
        (*failed(1, 5), run(Status.SUCCESS), *failed(5, 5)), Launch(SLOT)
    ),
    "failures before a termination count no more": Case(
        (*failed(2, 9), run(Status.CANCELED), *failed(5, 5)), _wait(2, 1)
    ),
    "a failure whose end nobody knows waits for nothing": Case(
        (RunFacts("r", Status.FAILURE, _ago(9), None, None),), Launch(SLOT)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_decided(case: Case) -> None:
    assert act(*case.runs, leased=case.leased) == case.expected


def test_a_held_slot_stays_off_whatever_its_runs_say() -> None:
    desired = Desired().hold(SLOT, "by hand", NOON)
    for status in ENDED:
        assert act(run(status), desired=desired) is None
    assert act(run(Status.SUCCESS), desired=desired, slot=PRODUCER) == Launch(PRODUCER), "another slot is not held"


def test_a_release_forgets_terminations_and_failures_before_it() -> None:
    desired = Desired().hold(SLOT, "by hand", _ago(50)).release(SLOT, _ago(30))
    assert act(run(Status.CANCELED, created=31), desired=desired) == Launch(SLOT)
    assert act(*failed(9, 1), desired=desired) == Launch(SLOT)
    assert act(run(Status.CANCELED, created=29), desired=desired) == Hold(SLOT, "r")


def test_a_run_that_was_itself_the_release_can_be_terminated() -> None:
    desired = Desired().release(SLOT, _ago(30))
    assert act(run(Status.CANCELED, created=30), run(Status.CANCELED, created=99), desired=desired) == Hold(SLOT, "r")


@pytest.mark.parametrize(
    ("draining", "started"),
    [(Draining.NOTHING, [SLOT, PRODUCER]), (Draining.SOURCES, [SLOT]), (Draining.ALL, [])],
)
def test_a_drain_starts_nothing_that_it_stopped(draining: Draining, started: list[Slot]) -> None:
    facts = [SlotFacts(slot, [], leased=False) for slot in (SLOT, PRODUCER)]
    assert decide(facts, Desired(draining=draining), NOON) == [Launch(slot) for slot in started]


def test_a_slot_beyond_the_wanted_number_is_none() -> None:
    settings = load_settings(streams={"s": StreamSettings(validators=3)}, fleet={"enabled": False})
    facts = [SlotFacts(slot, [], leased=False) for slot in all_slots(settings, Desired(validators={"s": 2}))]
    assert decide(facts, Desired(validators={"s": 2}), NOON) == [
        Launch(Slot(Role.VALIDATOR, "s", 0)),
        Launch(Slot(Role.VALIDATOR, "s", 1)),
    ]


def test_one_slot_in_trouble_changes_nothing_for_the_others() -> None:
    other = Slot(Role.VALIDATOR, "iot_data", 1)
    facts = [SlotFacts(SLOT, failed(3, 1), leased=False), SlotFacts(other, [], leased=False)]
    assert decide(facts, Desired(), NOON) == [_wait(3, 19), Launch(other)]


SLOTS = [SLOT, Slot(Role.VALIDATOR, "iot_data", 1), PRODUCER]
moments = st.integers(0, 100_000).map(_ago)
runs_of_a_slot = st.lists(
    st.builds(
        RunFacts, st.uuids().map(str), st.sampled_from(Status), moments, st.none() | moments, st.none() | moments
    ),
    max_size=10,
).map(lambda runs: sorted(runs, key=lambda one: one.created_at, reverse=True))
histories = st.tuples(*[st.builds(SlotFacts, st.just(slot), runs_of_a_slot, st.booleans()) for slot in SLOTS])
decisions = st.builds(
    Desired,
    draining=st.sampled_from(Draining),
    released=st.dictionaries(st.sampled_from([slot.name for slot in SLOTS]), moments.map(datetime.isoformat)),
)


@hypothesis(deadline=None)  # a busy machine proves nothing
@given(histories, decisions)
def test_whatever_the_history_nothing_runs_twice_and_no_termination_is_undone(
    history: tuple[SlotFacts, ...], desired: Desired
) -> None:
    actions = decide(history, desired, NOON)
    assert max(Counter(action.slot for action in actions).values(), default=0) <= 1
    facts = {one.slot: one for one in history}
    for action in actions:
        of_slot = facts[action.slot]
        assert desired.lets_run(action.slot)
        if isinstance(action, Bury):
            assert {one.run_id: one.status for one in of_slot.runs}[action.run_id] is Status.STARTED
            assert not of_slot.leased
        if isinstance(action, Launch):
            assert not of_slot.leased
            assert not [one for one in of_slot.runs if one.status in LIVE]
            since = desired.released.get(action.slot.name, "0001-01-01T00:00:00+00:00")
            after = [one for one in of_slot.runs if one.created_at >= datetime.fromisoformat(since)]
            assert not after or after[0].status is not Status.CANCELED
        if isinstance(action, Wait):
            assert NOON < action.until <= NOON + timedelta(seconds=300)
