"""The drill with half of the fields missing: its settings, and, as a user would run it, the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.drills.installation import environment_of, own_directory
from iot_platform.drills.nulls import NullsPlan, settings_of, write_fleet
from iot_platform.settings import load_settings
from tests.support.drills import held_outcome


def test_the_fleet_is_what_the_drills_own_file_says_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = own_directory("test")
    made = settings_of(directory, tmp_path, NullsPlan(rate=5, seconds=1))
    try:
        for name, value in environment_of(made, {"fleet"}).items():
            monkeypatch.setenv(name, value)
        bad = made.fleet.model_copy(update={"null_share": 0.5, "null_sensors": "humidity-*"})
        for fleet in (made.fleet, bad, made.fleet):
            write_fleet(made, fleet)
            assert load_settings().fleet == fleet
    finally:
        (directory / "iot.toml").unlink()
        directory.rmdir()


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(900)
def test_half_of_the_fields_missing_is_told_within_a_minute_with_its_cause_and_is_over_after_it() -> None:
    outcome = held_outcome("nulls", timeout_seconds=850)
    assert len(outcome["claims"]) == 10
