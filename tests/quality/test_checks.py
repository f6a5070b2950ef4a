"""Checks: each with its levels, a sentence that holds the figures, and the offenders behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iot_platform.contract.reasons import Code
from iot_platform.errors import UsageError
from iot_platform.quality.checks import CHECKS, evaluate
from iot_platform.quality.hours import HOUR
from iot_platform.quality.tables import MARTS
from iot_platform.quality.verdict import Verdict
from iot_platform.settings import FleetSettings, QualitySettings, Settings, load_settings
from iot_platform.warehouse import scripts
from iot_platform.warehouse.marts import Connection
from iot_platform.warehouse.snapshots import LagRow, add_lag_snapshot, add_ledger_audit
from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import load_rules
from iot_platform.watch.alerts.signals import check_signals
from tests.quality.fleet_loads import Record
from tests.quality.rows import NOON, dead, load, made, made_all, reading, repeats, warehouse

PLANTED = "IOT_FLEET__ENABLED=false"


@pytest.fixture
def connection() -> Connection:
    return warehouse()


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path, fleet=FleetSettings(enabled=False))


def verdict(connection: Connection, chosen: Settings, name: str, after: timedelta = timedelta()) -> Verdict:
    return evaluate(connection, chosen, name, NOON + timedelta(minutes=30) + after)


def readings(count: int, sensor_id: str = "sensor-1", **changes: Any) -> list[Record]:
    return [reading(NOON + timedelta(seconds=number), sensor_id, **changes) for number in range(count)]


def letters(count: int, sensor_id: str | None = "sensor-1", *reasons: tuple[Code, str]) -> list[Record]:
    return [dead(NOON + timedelta(seconds=number), sensor_id, *reasons) for number in range(count)]


def test_every_check_has_its_sql_and_belongs_to_a_table_that_there_is() -> None:
    assert set(scripts.checks()) == set(CHECKS)
    assert {check.table for check in CHECKS.values()} <= {*MARTS, "readings", "dead_letters"}


@pytest.mark.parametrize("name", list(CHECKS))
def test_an_empty_warehouse_passes_with_a_sentence_and_the_usual_figures(
    connection: Connection, chosen: Settings, name: str
) -> None:
    empty = verdict(connection, chosen, name)
    assert (empty.status, empty.offenders, empty.check) == ("pass", [], name)
    assert empty.text.endswith(".")
    load(connection, readings(30, "a", location=None), letters(5, "a"))
    made_all(connection, NOON + HOUR)
    assert verdict(connection, chosen, name).figures.keys() == empty.figures.keys()


def test_a_check_that_there_is_not_is_refused(connection: Connection, chosen: Settings) -> None:
    with pytest.raises(UsageError, match="There is no check 'nothing'"):
        verdict(connection, chosen, "nothing")


@pytest.mark.parametrize(("count", "status"), [(0, "pass"), (1, "warn"), (10, "warn"), (12, "error")])
def test_dead_letters_are_judged_by_their_share_of_the_stream(
    connection: Connection, chosen: Settings, count: int, status: str
) -> None:
    load(connection, readings(99), letters(count, "b"))
    found = verdict(connection, chosen, "dead_letter_share")
    assert found.status == status
    assert f"{count} of {99 + count}" in found.text
    assert [row["sensor_id"] for row in found.offenders] == (["b"] if count else [])


def test_the_stream_with_the_largest_share_of_dead_letters_decides(connection: Connection, chosen: Settings) -> None:
    load(connection, readings(1_000))
    load(connection, readings(5), letters(5, "b"), stream="air_quality")
    found = verdict(connection, chosen, "dead_letter_share")
    assert (found.status, found.figures["dead_share"]) == ("error", 0.5)
    assert "of air_quality (5 of 10)" in found.text


def test_dead_letters_of_hours_past_no_longer_count(connection: Connection, chosen: Settings) -> None:
    load(connection, readings(10), letters(10))
    assert verdict(connection, chosen, "dead_letter_share", 1 * HOUR).status == "error"
    assert verdict(connection, chosen, "dead_letter_share", 2 * HOUR).status == "pass"


def test_the_fleets_own_troublemakers_are_called_so(connection: Connection, chosen: Settings) -> None:
    load(connection, readings(100), letters(20, "trouble-range-01"))
    assert PLANTED in verdict(connection, chosen, "dead_letter_share").text


@pytest.mark.parametrize("also", ["sensor-9", None])
def test_troublemakers_excuse_nobody_else(connection: Connection, chosen: Settings, also: str | None) -> None:
    load(connection, readings(100), [*letters(20, "trouble-range-01"), *letters(20, also)])
    assert PLANTED not in verdict(connection, chosen, "dead_letter_share").text


def test_one_honest_offender_beyond_the_ten_that_are_shown_is_not_excused(
    connection: Connection, chosen: Settings
) -> None:
    trouble = [letter for number in range(12) for letter in letters(3, f"trouble-range-{number}")]
    load(connection, readings(9, "honest"), [*trouble, *letters(1, "honest")])
    found = verdict(connection, chosen, "dead_letter_share")
    assert len(found.offenders) == 10
    assert PLANTED not in found.text


@pytest.mark.parametrize(("nulls", "status"), [(9, "pass"), (10, "warn"), (49, "warn"), (50, "error")])
def test_null_rates_are_judged_by_the_worst_field_of_a_sensor(
    connection: Connection, chosen: Settings, nulls: int, status: str
) -> None:
    load(connection, [*readings(nulls, "b", battery_level=None), *readings(100 - nulls, "b"), *readings(200)])
    made(connection, "null_rates")
    found = verdict(connection, chosen, "null_rates")
    assert (found.status, found.figures["worst_null_rate"]) == (status, nulls / 100)
    if status != "pass":
        assert f"battery_level of b: null in {nulls} of 100 ({nulls} %)" in found.text


def test_a_few_readings_say_nothing_about_nulls(connection: Connection, chosen: Settings) -> None:
    load(connection, readings(19, battery_level=None))
    made(connection, "null_rates")
    assert verdict(connection, chosen, "null_rates").status == "pass"


@pytest.mark.parametrize(("before", "status"), [(None, "pass"), (80.0, "error")], ids=["never sent", "sent before"])
def test_a_field_that_a_stream_has_never_sent_is_left_out_by_nobody(
    connection: Connection, chosen: Settings, before: float | None, status: str
) -> None:
    earlier = reading(NOON - timedelta(days=2), battery_level=before)
    load(connection, [earlier, *readings(30, battery_level=None)])
    made(connection, "null_rates")
    assert verdict(connection, chosen, "null_rates").status == status


def flow(hours: int) -> list[Record]:
    """Readings up to noon, one each ten minutes."""
    return [reading(NOON - timedelta(minutes=10 * number)) for number in range(6 * hours)]


@pytest.mark.parametrize(
    ("minutes", "status"), [(4, "pass"), (5, "warn"), (29, "warn"), (30, "error"), (1_300, "error")]
)
def test_freshness_is_the_age_of_the_newest_reading(
    connection: Connection, chosen: Settings, minutes: int, status: str
) -> None:
    load(connection, flow(6))
    found = evaluate(connection, chosen, "freshness", NOON + timedelta(minutes=minutes))
    assert (found.status, found.figures["seconds"]) == (status, minutes * 60)
    assert "The newest reading of iot_data is" in found.text


@pytest.mark.parametrize("hours", [1, 22, 25, 30, 7 * 24 + 1])
def test_a_stream_that_flowed_is_missed_until_a_person_switches_it_off(
    connection: Connection, chosen: Settings, hours: int
) -> None:
    load(connection, flow(6))
    now = NOON + timedelta(hours=hours)
    found = evaluate(connection, chosen, "freshness", now)
    assert (found.status, found.figures["seconds"]) == ("error", hours * 3600)
    assert ("Given up on after 7 days: iot_data." in found.text) == (hours > 7 * 24)
    off = evaluate(connection, chosen, "freshness", now, {"iot_data"})
    assert off.status == "pass"
    assert "Switched off by a person: iot_data." in off.text


@pytest.mark.parametrize(("hours", "status"), [(1, "pass"), (6, "error")])
def test_the_ledger_tells_for_long_whether_a_stream_flowed(
    connection: Connection, chosen: Settings, hours: int, status: str
) -> None:
    rows = [replace(repeats(NOON - timedelta(hours=back), {}), valid=1) for back in range(hours)]
    load(connection, flow(1), (), rows)
    assert evaluate(connection, chosen, "freshness", NOON + timedelta(days=300)).status == status


def test_the_alert_of_an_outage_stays_for_thirty_hours_and_ends_with_a_persons_word(
    connection: Connection, chosen: Settings
) -> None:
    load(connection, flow(6))
    load(connection, readings(500), stream="air_quality")
    rules = [rule for rule in load_rules() if rule.name == "not_fresh"]
    memory: dict[Key, Incident] = {}
    told: list[Notice] = []
    for hours in range(33):
        now = NOON + timedelta(hours=hours)
        found = evaluate(connection, chosen, "freshness", now, {"iot_data"} if hours >= 30 else ())
        streams = {stream: (one.status, one.text) for stream, one in found.streams.items()}
        signals = check_signals("freshness", found.status, found.text, streams, now)
        memory, notices = advance(rules, memory, signals, now)
        told += notices
    assert {notice.incident.subject for notice in told} == {"iot_data"}
    assert [notice.event for notice in told].count("fired") == 1
    (over,) = [notice for notice in told if notice.event == "resolved"]
    assert over.at >= NOON + timedelta(hours=30)
    assert "Now: No stream flows, so none can be late. Switched off by a person: iot_data." in over.incident.text


def test_the_stream_of_a_fleet_that_runs_is_never_idle(connection: Connection, chosen: Settings) -> None:
    load(connection, flow(1))
    with_fleet = chosen.model_copy(update={"fleet": FleetSettings()})
    for hours in (1, 25, 1_000):
        now = NOON + timedelta(hours=hours)
        assert evaluate(connection, chosen, "freshness", now).status == "pass"
        found = evaluate(connection, with_fleet, "freshness", now)
        assert (found.status, found.figures["seconds"]) == ("error", hours * 3600)


def test_a_file_that_was_replayed_in_a_burst_is_not_expected_to_go_on(connection: Connection, chosen: Settings) -> None:
    load(connection, readings(500), stream="air_quality")
    assert verdict(connection, chosen, "freshness", 5 * HOUR).status == "pass"


def statement(**changes: Any) -> dict[str, Any]:
    """The object of `audit --json`."""
    return {
        "stream": "iot_data", "sources": {}, "raw": 10, "valid": 8, "repaired": 0, "dead": 1, "duplicates": 1,
        "in_flight": 0, "loaded": {"valid": 8, "dead": 1}, "unaccounted": 0, "findings": [], **changes,
    }  # fmt: skip


def test_the_newest_audit_of_each_stream_decides(connection: Connection, chosen: Settings) -> None:
    finding = {
        "code": "ledger_hole",
        "where": "raw_iot_data/0",
        "count": 3,
        "text": "Nobody validated 3.",
        "next_step": "",
    }
    add_ledger_audit(connection, NOON, statement())
    add_ledger_audit(connection, NOON, statement(stream="other", unaccounted=3, findings=[finding]))
    found = verdict(connection, chosen, "unaccounted")
    assert found.status == "error"
    assert "3 records of other cannot be accounted for, with 1 finding" in found.text
    assert "Nobody validated 3." in found.text
    add_ledger_audit(connection, NOON + timedelta(minutes=1), statement(stream="other"))
    found = verdict(connection, chosen, "unaccounted")
    assert found.status == "pass"
    assert "All 20 records of 2 streams are accounted for" in found.text


def test_a_finding_alone_and_a_surplus_are_errors_too(connection: Connection, chosen: Settings) -> None:
    finding = {"code": "ledger_sum", "where": "", "count": 0, "text": "A sum is wrong.", "next_step": ""}
    add_ledger_audit(connection, NOON, statement(findings=[finding]))
    assert verdict(connection, chosen, "unaccounted").status == "error"
    add_ledger_audit(connection, NOON + timedelta(minutes=1), statement(unaccounted=-2))
    assert verdict(connection, chosen, "unaccounted").status == "error"


def test_an_audit_of_yesterday_is_no_proof_for_today(connection: Connection, chosen: Settings) -> None:
    add_ledger_audit(connection, NOON, statement())
    assert verdict(connection, chosen, "unaccounted", timedelta(hours=25)).status == "warn"


def test_a_message_id_that_stands_twice_in_a_stream_is_named(connection: Connection, chosen: Settings) -> None:
    twice = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    load(connection, [*readings(50), reading(NOON, message_id=twice)])
    load(connection, [reading(NOON, message_id=twice)], stream="air_quality")
    assert verdict(connection, chosen, "duplicates").status == "pass"
    load(connection, [reading(NOON + HOUR, "b", message_id=twice)])
    found = verdict(connection, chosen, "duplicates", HOUR)
    assert (found.status, found.figures) == ("error", {"duplicate_ids": 1})
    assert found.offenders == [{"stream": "iot_data", "message_id": twice, "times": 2}]
    assert verdict(connection, chosen, "duplicates", timedelta(hours=72)).status == "pass"


def lag_row(seconds: float, messages: int, partition: int = 0) -> LagRow:
    return LagRow("validator-iot_data", "raw_iot_data", partition, 1, 1 + messages, 1 + messages, messages, seconds)


@pytest.mark.parametrize(("seconds", "status"), [(0, "pass"), (119, "pass"), (120, "warn"), (900, "error")])
def test_lag_is_judged_by_the_longest_wait_of_the_newest_snapshot(
    connection: Connection, chosen: Settings, seconds: float, status: str
) -> None:
    add_lag_snapshot(connection, NOON + timedelta(minutes=28), [lag_row(5_000, 9)])
    add_lag_snapshot(connection, NOON + timedelta(minutes=29), [lag_row(seconds, 7), lag_row(0, 0, 1)])
    of_others = LagRow("billing", "raw_iot_data", 0, 1, 9_000, 9_000, 8_999, 9_999.0, own=False)
    add_lag_snapshot(connection, NOON + timedelta(minutes=29), [of_others])
    found = verdict(connection, chosen, "lag")
    assert (found.status, found.figures) == (status, {"lag_seconds": seconds, "lag_messages": 7})


def test_a_lag_that_is_no_longer_measured_warns(connection: Connection, chosen: Settings) -> None:
    add_lag_snapshot(connection, NOON + timedelta(minutes=15), [lag_row(0, 0)])
    found = verdict(connection, chosen, "lag")
    assert (found.status, "last measured 15 min ago" in found.text) == ("warn", True)


def test_silent_sensors_are_named_with_what_they_missed(connection: Connection, chosen: Settings) -> None:
    gone = [reading(NOON + timedelta(seconds=5 * number), "gone") for number in range(10)]
    there = [reading(NOON + timedelta(seconds=5 * number), "there") for number in range(100)]
    load(connection, [*gone, *there])
    made_all(connection, NOON + HOUR)
    found = verdict(connection, chosen, "silent_sensors")
    assert (found.status, found.figures["silent_sensors"]) == ("warn", 1)
    assert "gone has said nothing since 2026-07-01 12:00:45Z and missed 90 reports (one every 5 s, given)" in found.text


def test_the_levels_of_the_users_file_are_taken(connection: Connection, chosen: Settings, tmp_path: Path) -> None:
    (tmp_path / "levels.toml").write_text("[dead_letter_share]\nwarn = 0.5\nerror = 0.9\n")
    own = chosen.model_copy(update={"quality": QualitySettings(levels=tmp_path / "levels.toml")})
    load(connection, readings(80), letters(20))
    assert verdict(connection, chosen, "dead_letter_share").status == "error"
    assert verdict(connection, own, "dead_letter_share").status == "pass"
