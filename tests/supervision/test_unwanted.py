"""Which streams a person has switched off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from iot_platform.settings import Settings, StreamSettings, load_settings
from iot_platform.supervision.slots import Desired, Draining, change_desired, find_slot
from iot_platform.supervision.unwanted import streams_off

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path / "state", streams={"iot_data": StreamSettings(validators=2)})


@pytest.mark.parametrize(
    ("held", "off"),
    [
        ((), set()),
        (("validator-iot_data-0",), set()),  # the other one goes on
        (("validator-iot_data-0", "validator-iot_data-1"), {"iot_data"}),
        (("producer-iot_data",), {"iot_data"}),
    ],
)
def test_a_stream_is_off_when_all_its_validators_or_producers_are_stopped(
    here: Settings, held: Collection[str], off: set[str]
) -> None:
    for name in held:
        change_desired(here, partial(Desired.hold, slot=find_slot(here, name), why="stopped", now=NOON))
    assert streams_off(here) == off


def test_a_stream_of_no_validators_is_off(here: Settings) -> None:
    change_desired(here, lambda desired: replace(desired, validators={"iot_data": 0}))
    assert streams_off(here) == {"iot_data"}


@pytest.mark.parametrize("draining", [Draining.SOURCES, Draining.ALL])
def test_drained_all_are_off(here: Settings, draining: Draining) -> None:
    change_desired(here, lambda _: Desired(draining=draining))
    assert streams_off(here) == set(here.streams)
