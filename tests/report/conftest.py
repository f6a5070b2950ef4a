"""One morning with every kind of trouble, made once for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.clock import ManualClock
from iot_platform.report.figures import Figures
from iot_platform.report.make import Report, make_report
from iot_platform.settings import Settings, load_settings
from tests.report import morning


@pytest.fixture(scope="session")
def morning_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(instance="inst-1", state_dir=tmp_path_factory.mktemp("morning"))
    morning.fill(settings)
    return settings


@pytest.fixture(scope="session")
def made(morning_settings: Settings) -> Report:
    return make_report(morning_settings, ManualClock(morning.NEXT_MORNING), morning.period())


@pytest.fixture(scope="session")
def figures(made: Report) -> Figures:
    return made.figures


@pytest.fixture(scope="session")
def page(made: Report) -> str:
    return made.html.read_text(encoding="utf-8")


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """An installation that has published and never had a record."""
    settings = load_settings(state_dir=tmp_path)
    morning.publish(settings)
    return settings
