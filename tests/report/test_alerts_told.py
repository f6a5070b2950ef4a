"""Which alerts a report tells of: of its own stream and of the platform, and of days long gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from iot_platform.clock import ManualClock
from iot_platform.pipeline.alerting import evaluate
from iot_platform.report.make import make_report
from iot_platform.report.period import DAY
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.watch.alerts.signals import Signal
from tests.quality.rows import load
from tests.report.morning import NEXT_MORNING, TODAY, healthy, period, publish

NAMES = {"iot_data": "iot_data", "air_quality": "air_quality", "": "all streams"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A good day of one stream, with an alert of it, one of another stream, and one of the platform, all over."""
    made = load_settings(instance="inst-1", state_dir=tmp_path)
    with open_warehouse(made) as connection:
        load(connection, healthy(TODAY), at=TODAY + DAY)
    publish(made)
    clock = ManualClock(TODAY + timedelta(hours=2))
    one_of_each = [
        Signal("check", "unaccounted", subject, "error", "3 readings", clock.now(), stream=stream)
        for stream, subject in NAMES.items()
    ]
    evaluate(made, clock, one_of_each)
    for _ in range(2):
        clock.advance(3_600)
        evaluate(made, clock, [])
    return made


def subjects(settings: Settings, stream: str | None = None, days_later: int = 0) -> set[str]:
    made = make_report(settings, ManualClock(NEXT_MORNING + days_later * DAY), period(), stream=stream)
    return {one.subject for one in made.figures.alerts}


def test_a_report_of_one_stream_tells_of_its_alerts_and_of_those_of_the_platform_as_such(settings: Settings) -> None:
    assert subjects(settings) == {"iot_data", "air_quality", "all streams"}
    assert subjects(settings, "iot_data") == {"iot_data", "all streams"}
    page = (settings.reports_dir / "2026-07-01-iot_data.html").read_text(encoding="utf-8")
    assert '<td data-label="Of">the platform</td>' in page
    assert '<td data-label="Of">iot_data</td>' in page


def test_a_report_that_is_made_again_weeks_later_tells_of_the_same_alerts(settings: Settings) -> None:
    evaluate(settings, ManualClock(TODAY + 20 * DAY), [])
    assert subjects(settings, days_later=20) == {"iot_data", "air_quality", "all streams"}


def test_an_error_that_still_fires_makes_a_good_day_one_to_look_at(settings: Settings) -> None:
    assert make_report(settings, ManualClock(NEXT_MORNING), period()).verdict.light == "good"
    clock = ManualClock(TODAY + timedelta(hours=20))
    evaluate(
        settings, clock, [Signal("check", "unaccounted", "iot_data", "error", "3", clock.now(), stream="iot_data")]
    )
    verdict = make_report(settings, ManualClock(NEXT_MORNING), period()).verdict
    assert verdict.light == "look"
    assert "readings of iot_data unaccounted for" in verdict.findings[0].what
    assert verdict.findings[0].since == "since 2026-07-01 20:00 UTC"
