"""What `up` checks before anything starts."""

from __future__ import annotations

import pytest

from iot_platform.errors import SettingsError
from iot_platform.settings import FleetSettings, StreamSettings, load_settings
from iot_platform.supervision.operations import check_settings


def test_a_fleet_without_its_stream_names_the_settings_to_change() -> None:
    settings = load_settings(streams={"greenhouse": StreamSettings()})
    with pytest.raises(SettingsError, match=r"'iot_data'.*greenhouse\..*IOT_FLEET__STREAM.*IOT_FLEET__ENABLED"):
        check_settings(settings)


def test_a_fleet_that_is_turned_off_needs_no_stream() -> None:
    check_settings(load_settings(streams={"greenhouse": StreamSettings()}, fleet=FleetSettings(enabled=False)))
