"""A stream's run: the real ops, whose Kafka never answers, on real instances of Dagster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from iot_platform.lifecycle import is_held, lease
from iot_platform.orchestration.streams.keeper import slot_facts
from iot_platform.orchestration.streams.keeping import Hold, Launch, decide
from iot_platform.orchestration.streams.ops import (
    JOB_OF,
    SLOT_TAG,
    _is_wanted,
    is_by_hand,
    produce_fleet,
    producer,
    run_request,
    run_state,
    validate_stream,
    validator,
)
from iot_platform.orchestration.streams.stopping import RunState
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.slots import (
    Desired,
    Draining,
    Role,
    Slot,
    change_desired,
    read_desired,
)
from tests.orchestration.here import installed
from tests.support.databases import out_of_reach
from tests.support.waiting import eventually

SLOT = Slot(Role.VALIDATOR, "iot_data")
FLEET = Slot(Role.PRODUCER, "iot_data")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """An installation whose runs recycle themselves after a moment."""
    return installed(monkeypatch, tmp_path / "state", IOT_DAGSTER__RECYCLE_HOURS="0.0002")


def execute(instance: dg.DagsterInstance, slot: Slot = SLOT, *, by_hand: bool = False) -> dg.ExecuteInProcessResult:
    """The slot's run, as the sensor starts it or as the launchpad's defaults do."""
    request = run_request(slot)
    return JOB_OF[slot.role].execute_in_process(
        instance=instance,
        run_config=None if by_hand else request.run_config,
        tags=None if by_hand else dict(request.tags),
        raise_on_error=False,
    )


def status_of(instance: dg.DagsterInstance, slot: Slot = SLOT) -> dg.DagsterRunStatus:
    (record,) = instance.get_run_records(dg.RunsFilter(tags={SLOT_TAG: slot.name}), limit=1)
    return record.dagster_run.status


def failure_of(result: dg.ExecuteInProcessResult) -> dg.StepFailureData:
    """Why the run's only step failed."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


def terminate(instance: dg.DagsterInstance) -> None:
    """As Terminate in the UI does: Dagster knows of it, then the worker gets a signal."""
    instance.report_run_canceling(instance.get_runs()[0])
    os.kill(os.getpid(), signal.SIGTERM)


def told(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(entry.message for entry in instance.all_logs(run_id))


@contextmanager
def once_it_runs(settings: Settings, slot: Slot, act: object) -> Iterator[None]:
    """Within the block: `act` is called as soon as the slot's process lives."""
    assert callable(act)

    def watch() -> None:
        eventually(lambda: is_held(slot.lease_path(settings)), what=f"{slot.name} runs")
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize("slot", [SLOT, FLEET])
def test_a_run_whose_time_is_over_ends_well_and_the_next_is_due_at_once(
    brief: Settings, kept: dg.DagsterInstance, slot: Slot
) -> None:
    result = execute(kept, slot)
    assert result.success
    assert "Stopped: recycled" in told(kept, result.run_id)
    assert not is_held(slot.lease_path(brief))
    assert decide([slot_facts(kept, brief, slot)], Desired(), NOW) == [Launch(slot)]


@pytest.mark.parametrize("slot", [SLOT, FLEET])
def test_a_drained_run_ends_well(here: Settings, instance: dg.DagsterInstance, slot: Slot) -> None:
    def drain() -> None:
        change_desired(here, lambda desired: replace(desired, draining=Draining.ALL))

    with once_it_runs(here, slot, drain):
        result = execute(instance, slot)
    assert result.success
    assert "Stopped: drained, stopped, held, scaled in, or the fleet is split anew." in told(instance, result.run_id)


def test_a_signal_that_nobody_sent_through_dagster_is_a_failure_and_the_next_run_is_due(
    here: Settings, kept: dg.DagsterInstance
) -> None:
    with once_it_runs(here, SLOT, lambda: os.kill(os.getpid(), signal.SIGTERM)):
        execute(kept)
    facts = slot_facts(kept, here, SLOT)
    assert facts.runs[0].status is dg.DagsterRunStatus.FAILURE
    assert decide([facts], read_desired(here), datetime.now(UTC) + timedelta(seconds=5)) == [Launch(SLOT)]


@pytest.mark.parametrize("slot", [SLOT, FLEET])
def test_a_terminated_run_is_canceled_and_holds_its_slot(here: Settings, kept: dg.DagsterInstance, slot: Slot) -> None:
    with once_it_runs(here, slot, lambda: terminate(kept)):
        execute(kept, slot)
    assert status_of(kept, slot) is dg.DagsterRunStatus.CANCELED
    (action,) = decide([slot_facts(kept, here, slot)], read_desired(here), NOW)
    assert isinstance(action, Hold)
    assert f"`iot-platform streams start {slot.name}`" in told(kept, action.run_id)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_run_that_dagster_gave_up_fails_for_somebody_must_be_told(
    here: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    _ask_at_once(monkeypatch)

    def give_up() -> None:
        (record,) = instance.get_run_records()
        if is_gone:
            instance.run_storage.delete_run(record.dagster_run.run_id)
        else:
            instance.report_run_failed(record.dagster_run, "given up")

    with once_it_runs(here, SLOT, give_up):
        result = execute(instance)
    assert "Dagster says that this run is over or gone" in failure_of(result).user_failure_data.description


def test_a_run_whose_terminate_lost_its_signal_is_canceled_all_the_same(
    here: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ask_at_once(monkeypatch)

    def cancel() -> None:
        instance.report_run_canceling(instance.get_runs()[0])

    with once_it_runs(here, SLOT, cancel):
        execute(instance)
    assert status_of(instance) is dg.DagsterRunStatus.CANCELED


def _ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask Dagster of our run each 0.1 s instead of each 10 s."""
    from iot_platform.orchestration.streams import ops  # noqa: PLC0415 - only its name for the policy is changed

    real = ops.StopPolicy
    monkeypatch.setattr(ops, "StopPolicy", lambda recycle_seconds: real(recycle_seconds, ask_run_seconds=0.1))


def test_a_run_whose_parent_is_gone_fails(
    here: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getppid()
    with once_it_runs(here, SLOT, lambda: monkeypatch.setattr(os, "getppid", lambda: parent + 1)):
        result = execute(instance)
    assert "the code server that started this run is gone" in failure_of(result).user_failure_data.description


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("slot", [SLOT, FLEET])
def test_a_second_run_of_a_slot_names_the_first_and_is_not_retried(
    here: Settings, instance: dg.DagsterInstance, slot: Slot, by_hand: bool
) -> None:
    with lease(slot.lease_path(here), "The test"):
        result = execute(instance, slot, by_hand=by_hand)
    assert f"already runs here, as process {os.getpid()}." in failure_of(result).user_failure_data.description
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_second_run_by_hand_does_not_count_as_a_run_of_the_slot(here: Settings, kept: dg.DagsterInstance) -> None:
    with lease(SLOT.lease_path(here), "The test"):
        execute(kept, by_hand=True)
    assert slot_facts(kept, here, SLOT).runs == []
    assert read_desired(here) == Desired()


def test_a_run_by_hand_ends_the_hold_and_counts_from_its_making(brief: Settings, kept: dg.DagsterInstance) -> None:
    change_desired(brief, lambda desired: desired.hold(SLOT, "by hand", NOW))
    result = execute(kept, by_hand=True)
    assert result.success
    record = kept.get_run_record_by_id(result.run_id)
    assert record is not None
    assert record.dagster_run.tags[SLOT_TAG] == SLOT.name
    assert read_desired(brief) == Desired(released={SLOT.name: record.create_timestamp.isoformat()})


def test_a_run_by_hand_that_is_terminated_stays_off(here: Settings, kept: dg.DagsterInstance) -> None:
    with once_it_runs(here, SLOT, lambda: terminate(kept)):
        execute(kept, by_hand=True)
    (action,) = decide([slot_facts(kept, here, SLOT)], read_desired(here), NOW)
    assert isinstance(action, Hold)


def test_a_run_by_hand_may_be_beyond_the_wanted_number(brief: Settings, instance: dg.DagsterInstance) -> None:
    config = {"ops": {"validate_stream": {"config": {"slot": 7}}}}
    assert validator.execute_in_process(run_config=config, instance=instance).success


@pytest.mark.parametrize(("draining", "slot"), [(Draining.ALL, SLOT), (Draining.ALL, FLEET), (Draining.SOURCES, FLEET)])
def test_nothing_is_launched_by_hand_while_it_is_drained(
    here: Settings, instance: dg.DagsterInstance, draining: Draining, slot: Slot
) -> None:
    before = change_desired(here, lambda desired: replace(desired.hold(slot, "by hand", NOW), draining=draining))
    failure = failure_of(execute(instance, slot, by_hand=True)).user_failure_data
    assert failure.description == "The platform is drained. Start it again with `iot-platform up`."
    assert read_desired(here) == before


def test_a_fleet_for_another_stream_is_refused_with_the_setting_to_change(
    here: Settings, instance: dg.DagsterInstance
) -> None:
    config = {"ops": {"produce_fleet": {"config": {"stream": "air_quality"}}}}
    result = producer.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
    assert "IOT_FLEET__STREAM" in failure_of(result).user_failure_data.description


def test_a_stream_that_is_none_fails_and_names_those_there_are(here: Settings, instance: dg.DagsterInstance) -> None:
    config = {"ops": {"validate_stream": {"config": {"stream": "nowhere"}}}}
    result = validator.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
    description = failure_of(result).user_failure_data.description
    assert description.startswith("There is no stream 'nowhere'; configured are: air_quality, iot_data.")


@pytest.mark.parametrize(
    "slot",
    [
        SLOT,
        FLEET,
        Slot(Role.VALIDATOR, "air_quality", 3),
        Slot(Role.PRODUCER, "air_quality"),
        Slot(Role.PRODUCER, "iot_data", 2),
    ],
)
def test_what_the_sensor_asks_for_is_what_the_job_takes(slot: Slot) -> None:
    request = run_request(slot)
    job = JOB_OF[slot.role]
    assert dg.validate_run_config(job, request.run_config)
    assert request.job_name == job.name
    assert request.tags == {SLOT_TAG: slot.name}
    assert request.run_key is None, "a run key is deduplicated for ever"


@pytest.mark.parametrize("job", [validator, producer], ids=["validator", "producer"])
def test_the_launchpad_may_be_left_as_it_is(job: dg.JobDefinition) -> None:
    config = dg.validate_run_config(job, {})
    (step,) = config["ops"].values()
    assert step["config"] == {"stream": "iot_data", "slot": 0}


def test_a_producer_ends_when_another_number_is_to_share_the_fleet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IOT_STATE_DIR", str(tmp_path))
    before = load_settings()
    assert _is_wanted(before, FLEET, by_hand=False)
    monkeypatch.setenv("IOT_FLEET__PRODUCERS", "3")
    assert not _is_wanted(before, FLEET, by_hand=False)
    assert _is_wanted(before, SLOT, by_hand=False)
    assert _is_wanted(load_settings(), Slot(Role.PRODUCER, "iot_data", 2), by_hand=False)
    monkeypatch.setenv("IOT_FLEET__PRODUCERS", "many")  # a file that is just being changed
    assert _is_wanted(before, FLEET, by_hand=False)


def test_no_stream_is_ever_retried_by_dagster() -> None:
    for operation in (validate_stream, produce_fleet):
        assert operation.retry_policy is None
    for job in JOB_OF.values():
        assert job.executor_def is dg.in_process_executor
        assert job.op_retry_policy is None


Status = dg.DagsterRunStatus
GOES_ON = {Status.STARTING, Status.STARTED}
CANCELING = {Status.CANCELING, Status.CANCELED}


@pytest.mark.parametrize(
    "status", [one for one in Status if one is not Status.QUEUED]
)  # a queued one has no worker that could ask
def test_what_dagster_says_of_a_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    run = instance.run_storage.add_run(dg.DagsterRun(job_name=validator.name, run_id="r", status=status))
    expected = RunState.GOES_ON if status in GOES_ON else RunState.CANCELING if status in CANCELING else RunState.OVER
    assert run_state(instance, run.run_id) is expected


def test_a_run_that_dagster_does_not_know_is_over(instance: dg.DagsterInstance) -> None:
    assert run_state(instance, "no such run") is RunState.OVER


def test_a_run_goes_on_while_dagsters_database_cannot_be_opened(kept: dg.DagsterInstance, tmp_path: Path) -> None:
    kept.run_storage.add_run(dg.DagsterRun(job_name=validator.name, run_id="r", status=dg.DagsterRunStatus.CANCELED))
    database = tmp_path / "dagster" / "history" / "runs.db"
    with out_of_reach(database):
        assert run_state(kept, "r") is RunState.GOES_ON
    assert run_state(kept, "r") is RunState.CANCELING


@pytest.mark.parametrize(
    ("tags", "by_hand"),
    [
        ({}, True),  # from the launchpad
        ({SLOT_TAG: "validator-iot_data-0"}, False),  # from the sensor
        ({SLOT_TAG: "validator-iot_data-0", "dagster/parent_run_id": "0b", "dagster/root_run_id": "0b"}, True),
    ],
    ids=["launched", "by the sensor", "executed again"],
)
def test_a_run_that_a_person_launched_is_told_from_one_of_the_sensor(tags: dict[str, str], by_hand: bool) -> None:
    assert is_by_hand(tags) is by_hand
