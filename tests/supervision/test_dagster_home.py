"""DAGSTER_HOME as it is written is what Dagster loads, and says what an installation needs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.scheduler.instigation import InstigatorType, TickStatus

from iot_platform.broker.ports import free_port
from iot_platform.errors import PortTakenError, UsageError
from iot_platform.settings import DagsterSettings, Settings, StreamSettings, load_settings
from iot_platform.supervision.dagster_home import (
    DagsterProcess,
    check_ports,
    command,
    environment,
    exec_foreground,
    first_hour,
    ui_url,
    write_home,
)
from iot_platform.supervision.slots import Desired, change_desired


def settings_of(tmp_path: Path, **options: object) -> Settings:
    dagster = DagsterSettings(ui_port=free_port(), code_server_port=free_port())
    return load_settings(state_dir=tmp_path / "state", **{"dagster": dagster, **options})


@contextmanager
def loaded(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance that Dagster makes of what `write_home` wrote."""
    write_home(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def test_nothing_leaves_the_machine_and_nobody_is_asked_for_anything(tmp_path: Path) -> None:
    with loaded(settings_of(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_runs_are_queued_one_a_slot_and_one_cycle_at_a_time(tmp_path: Path) -> None:
    with loaded(settings_of(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.tag_concurrency_limits == [
            {"key": "iot/slot", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
            {"key": "iot/cycle", "limit": 1},
        ]


@pytest.mark.parametrize(("validators", "extra", "runs"), [(1, 0, 12), (20, 0, 31), (1, 4, 15)])
def test_there_is_room_beside_the_streams_however_many_they_are(
    tmp_path: Path, validators: int, extra: int, runs: int
) -> None:
    settings = settings_of(tmp_path, streams={"iot_data": StreamSettings(validators=validators)})
    if extra:
        change_desired(settings, lambda _before: Desired(validators={"iot_data": extra}))
    with loaded(settings) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == runs


def test_one_operation_at_a_time_has_the_warehouse(tmp_path: Path) -> None:
    with loaded(settings_of(tmp_path)) as instance:
        pools = instance.get_concurrency_config().pool_config
        assert pools.default_pool_limit == 1
        assert pools.pool_granularity is not None
        assert pools.pool_granularity.value == "run"


def test_dead_runs_are_noticed_and_give_back_what_they_hold(tmp_path: Path) -> None:
    with loaded(settings_of(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_poll_interval_seconds == 15
        assert instance.run_monitoring_cancel_timeout_seconds == 60
        assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] == 30
        assert not instance.run_monitoring_max_runtime_seconds, "streams run for hours"


@pytest.mark.parametrize(("retention_days", "kept"), [(14, 14), (3.4, 3), (0.01, 1)])
def test_ticks_are_let_go_of(tmp_path: Path, retention_days: float, kept: int) -> None:
    with loaded(settings_of(tmp_path, dagster=DagsterSettings(retention_days=retention_days))) as instance:
        for kind in (InstigatorType.SENSOR, InstigatorType.SCHEDULE):
            days = instance.get_tick_retention_settings(kind)
            assert days[TickStatus.SKIPPED] == 1
            assert days[TickStatus.FAILURE] == kept
            assert min(days.values()) > 0, "each kind is let go of"


def test_to_write_it_again_keeps_what_dagster_has_there(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with loaded(settings) as instance:
        run = instance.create_run_for_job(_nothing)
    with loaded(settings) as instance:
        assert instance.has_run(run.run_id)


@dg.job
def _nothing() -> None: ...


def test_only_the_file_for_one_machine_is_written(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_home(settings)
    assert [path.name for path in settings.dagster_home.iterdir()] == ["dagster.yaml"]
    text = (settings.dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    assert "Docker" not in text
    assert "$" not in text


@pytest.mark.parametrize(
    ("option", "setting"), [("ui_port", "IOT_DAGSTER__UI_PORT"), ("code_server_port", "IOT_DAGSTER__CODE_SERVER_PORT")]
)
def test_a_taken_port_names_its_setting(tmp_path: Path, option: str, setting: str) -> None:
    settings = settings_of(tmp_path)
    check_ports(settings)
    with (
        socket.create_server(("127.0.0.1", getattr(settings.dagster, option))),
        pytest.raises(PortTakenError) as raised,
    ):
        check_ports(settings)
    assert raised.value.next_step == f"Set {setting} to a free port, or stop what uses this one."


def test_the_first_hour_stays_the_first(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    before = datetime.now(UTC)
    hour = first_hour(settings)
    assert before.replace(minute=0, second=0, microsecond=0) <= hour <= datetime.now(UTC)
    assert (hour.minute, hour.second, hour.microsecond, hour.tzinfo) == (0, 0, 0, UTC)
    path = settings.dagster_home / "first_hour"
    path.write_text("2025-01-01T05:00:00+00:00")
    write_home(settings)
    assert first_hour(settings) == datetime(2025, 1, 1, 5, tzinfo=UTC)


def test_a_first_hour_that_is_none_is_begun_anew(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "first_hour").write_text("soon")
    assert first_hour(settings) == first_hour(settings)
    assert (settings.dagster_home / "first_hour").read_text() != "soon"


def test_every_process_listens_on_loopback_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    for process, port in (
        (DagsterProcess.CODE_SERVER, settings.dagster.code_server_port),
        (DagsterProcess.WEBSERVER, settings.dagster.ui_port),
    ):
        line = command(settings, process)
        assert line[line.index("-h") + 1] == "127.0.0.1"
        assert line[line.index("-p") + 1] == str(port)
    assert "-p" not in command(settings, DagsterProcess.DAEMON)
    assert ui_url(settings) == f"http://127.0.0.1:{settings.dagster.ui_port}"


def test_every_process_finds_its_home_and_the_same_settings(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    found = environment(settings)
    assert found["DAGSTER_HOME"] == str(settings.dagster_home)
    assert found["IOT_STATE_DIR"] == str(settings.state_dir)
    assert found["IOT_DAGSTER__CODE_SERVER_PORT"] == str(settings.dagster.code_server_port)
    assert found["DAGSTER_DISABLE_TELEMETRY"] == "yes"


def test_without_dagster_there_is_no_ui_and_no_process_of_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, dagster=DagsterSettings(enabled=False))
    assert ui_url(settings) is None
    with pytest.raises(UsageError, match="IOT_DAGSTER__ENABLED=true"):
        exec_foreground(settings, DagsterProcess.DAEMON)
