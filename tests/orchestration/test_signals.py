"""What the alerts are told of checks: the newest verdict, and nothing of a check that a run has still to judge."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from iot_platform.clock import ManualClock
from iot_platform.orchestration.signals import _verdicts, observe, stale_sentence
from iot_platform.quality.checks import CHECKS
from iot_platform.watch.alerts.signals import SEEN_FROM_OUTSIDE, Signal
from tests.orchestration.here import installed

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
NAME = "dead_letter_share"


@dg.asset(name=CHECKS[NAME].table)
def table() -> None:
    """The checked asset."""


def judge(instance: dg.DagsterInstance, text: str | None) -> None:
    """A run that judges the check as red with that text, or dies before it has: then the check stays planned."""

    @dg.asset_check(asset=table, name=NAME)
    def check() -> dg.AssetCheckResult:
        if text is None:
            raise dg.Failure
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR, description=text)

    job = dg.Definitions(assets=[table], asset_checks=[check]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, raise_on_error=False)


def seen(instance: dg.DagsterInstance) -> tuple[list[Signal], set[str]]:
    return _verdicts(instance, NOW)


def test_a_check_that_was_never_judged_is_unknown(instance: dg.DagsterInstance) -> None:
    assert seen(instance) == ([], {f"check/{name}" for name in CHECKS})


def test_a_red_check_is_a_signal_with_its_sentence(instance: dg.DagsterInstance) -> None:
    judge(instance, "12 % are dead.")
    found, unknown = seen(instance)
    assert [(signal.name, signal.level, signal.text) for signal in found] == [(NAME, "error", "12 % are dead.")]
    assert unknown == {f"check/{name}" for name in CHECKS if name != NAME}


def test_a_check_that_is_judged_anew_is_unknown_and_not_well(instance: dg.DagsterInstance) -> None:
    judge(instance, "12 % are dead.")
    judge(instance, None)
    found, unknown = seen(instance)
    assert found == []
    assert f"check/{NAME}" in unknown


@pytest.mark.parametrize(
    ("age_seconds", "interval_seconds", "stale"), [(599, 5, False), (601, 5, True), (601, 61, False), (700, 61, True)]
)
def test_tables_are_stale_ten_cycles_after_the_last_good_one_and_ten_minutes_at_least(
    age_seconds: float, interval_seconds: float, stale: bool
) -> None:
    text = stale_sentence(NOW.timestamp() - age_seconds, interval_seconds, NOW)
    assert bool(text) is stale
    assert text in ("", f"The last cycle that loaded and built tables ended {age_seconds / 60:.0f} min ago.")


def judged_by_stream(instance: dg.DagsterInstance, severity: dg.AssetCheckSeverity, **statuses: str) -> list[Signal]:
    """A red check that says this of its streams."""
    streams = {stream: {"status": status, "text": f"{stream} is so."} for stream, status in statuses.items()}

    @dg.asset_check(asset=table, name=NAME)
    def check() -> dg.AssetCheckResult:
        metadata = {"streams": dg.MetadataValue.json(streams)}
        return dg.AssetCheckResult(passed=False, severity=severity, description="All in all.", metadata=metadata)

    job = dg.Definitions(assets=[table], asset_checks=[check]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance)
    return seen(instance)[0]


def test_a_check_has_a_signal_for_each_stream(instance: dg.DagsterInstance) -> None:
    found = judged_by_stream(instance, dg.AssetCheckSeverity.ERROR, iot_data="error", air_quality="pass")
    assert [(one.subject, one.stream, one.level, one.text) for one in found] == [
        ("air_quality", "air_quality", "ok", "air_quality is so."),
        ("iot_data", "iot_data", "error", "iot_data is so."),
    ]


def test_what_only_all_streams_together_show_is_told_of_all(instance: dg.DagsterInstance) -> None:
    found = judged_by_stream(instance, dg.AssetCheckSeverity.ERROR, iot_data="warn", air_quality="warn")
    assert [(one.subject, one.level) for one in found] == [
        ("air_quality", "warn"),
        ("iot_data", "warn"),
        ("all streams", "error"),
    ]


def test_what_only_the_watcher_outside_can_see_is_unknown_to_the_sensor(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = installed(monkeypatch, tmp_path)
    monkeypatch.setattr("iot_platform.supervision.observing._KAFKA_SECONDS", 0.2)
    found = observe(instance, settings, ManualClock(NOW))
    assert found.unknown >= SEEN_FROM_OUTSIDE
    assert {signal.name for signal in found.signals} == {"kafka_unreachable", "not_running"}
    assert {signal.stream for signal in found.signals} == {"", *settings.streams}
