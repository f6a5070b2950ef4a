"""What `up` checks before anything starts."""

from __future__ import annotations

import pytest

from iot_platform.errors import SettingsError
from iot_platform.settings import DagsterSettings, FleetSettings, Settings, StreamSettings, load_settings
from iot_platform.supervision import operations
from iot_platform.supervision.operations import check_settings


def test_a_fleet_without_its_stream_names_the_settings_to_change() -> None:
    settings = load_settings(streams={"greenhouse": StreamSettings()})
    with pytest.raises(SettingsError, match=r"'iot_data'.*greenhouse\..*IOT_FLEET__STREAM.*IOT_FLEET__ENABLED"):
        check_settings(settings, print)


def test_a_fleet_that_is_turned_off_needs_no_stream() -> None:
    check_settings(load_settings(streams={"greenhouse": StreamSettings()}, fleet=FleetSettings(enabled=False)), print)


@pytest.mark.parametrize(
    ("hours", "max_age_seconds", "warned"),
    [(72, 86_400, False), (48, 86_400, False), (47, 86_400, True), (72, 7 * 86_400, True), (1, None, False)],
)
def test_a_window_too_short_for_readings_from_a_spool_is_warned_of(
    hours: float, max_age_seconds: float | None, warned: bool
) -> None:
    told: list[str] = []
    stream = StreamSettings(dedup_window_hours=hours, max_age_seconds=max_age_seconds)
    check_settings(load_settings(streams={"iot_data": stream}), told.append)
    assert len(told) == warned
    assert all(text.startswith("Warning: stream iot_data: dedup_window_hours is") for text in told)


class StoppedSupervisor:
    """Lets every program be stopped."""

    def __init__(self, _settings: Settings) -> None:
        pass

    def stop_program(self, name: str) -> None:
        pass


def test_drain_says_of_each_process_once_that_it_stops_the_sources_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "Supervisor", StoppedSupervisor)
    told: list[str] = []
    settings = load_settings(streams={}, dagster=DagsterSettings(enabled=False))  # no stream: nothing to wait for
    operations.drain(settings, 1.0, told.append)
    assert told == ["Stopping watcher …", "Stopping producer-iot_data …", "Stopping loader …"]


@pytest.mark.parametrize("dagster", [True, False])
def test_that_nobody_scales_without_dagster_is_told_when_it_starts(dagster: bool) -> None:
    streams = {"iot_data": StreamSettings(validators_most=3), "other": StreamSettings()}
    told: list[str] = []
    check_settings(load_settings(streams=streams, dagster=DagsterSettings(enabled=dagster)), told.append)
    assert [text.split(":")[1] for text in told] == ([] if dagster else [" stream iot_data"])
