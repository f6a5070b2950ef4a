"""Two days and one a week before them, of a few sensors with every kind of trouble, in a warehouse and its copy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from iot_platform.clock import ManualClock
from iot_platform.contract.reasons import Code
from iot_platform.pipeline.alerting import evaluate
from iot_platform.pipeline.publish import Publisher
from iot_platform.quality.marts import build, catalogues_of
from iot_platform.quality.tables import MARTS
from iot_platform.report.period import DAY, Period
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.marts import Connection
from iot_platform.warehouse.snapshots import LagRow, add_lag_snapshot, add_ledger_audit
from iot_platform.watch.alerts.signals import Signal
from tests.quality.fleet_loads import Record
from tests.quality.rows import dead, load, reading, repeats

MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)
TODAY, YESTERDAY, LAST_WEEK = MIDNIGHT, MIDNIGHT - DAY, MIDNIGHT - 7 * DAY
NEXT_MORNING = MIDNIGHT + timedelta(hours=30)
EVERY = timedelta(minutes=20)
HOSTILE_PLACE = '<script>alert("here")</script>|hall*'
HOSTILE_PAYLOAD = '</pre><script>alert(1)</script>\u202e\x07"unit":"degF"'.encode()


def period(days: int = 1, now: datetime = NEXT_MORNING) -> Period:
    return Period(TODAY.date(), days, now)


def ticks(day: datetime, hours: float = 24) -> Iterator[datetime]:
    at = day
    while at < day + timedelta(hours=hours):
        yield at
        at += EVERY


def healthy(day: datetime, **changes: Any) -> list[Record]:
    return [reading(at, f"good-{n}", location=f"hall-{n}", **changes) for n in (1, 2, 3) for at in ticks(day)]


def add_days(connection: Connection) -> None:
    """Loads of their own for each day; today has the troubles, and yesterday the unit's already."""
    for day in (LAST_WEEK, YESTERDAY):
        load(connection, healthy(day, fw=7), at=day + DAY)
    load(connection, healthy(TODAY, fw="seven", mode="eco"), at=TODAY + DAY)
    for day in (YESTERDAY, TODAY):
        moments = list(enumerate(ticks(day)))
        fine = [reading(at, "bad-unit", location="roof") for n, at in moments if n % 5 >= 2]
        bad = [dead(at, "bad-unit", (Code.UNIT, "unit"), value=HOSTILE_PAYLOAD) for n, at in moments if n % 5 < 2]
        load(connection, fine, bad, at=day + DAY)
    gaps = [reading(at, "gaps", location="roof", battery_level=None if at.hour >= 12 else 50.0) for at in ticks(TODAY)]
    quiet = [reading(at, "quiet", location=HOSTILE_PLACE) for at in ticks(TODAY, 12)]
    echo = [reading(at, "echo", location="cellar") for at in ticks(TODAY)]
    broken = dead(TODAY + timedelta(hours=3), None, (Code.NOT_JSON, ""), (Code.RANGE, "value"), value=b"\xff\x00")
    again = repeats(TODAY + timedelta(hours=5), {"echo": 24, "*": 2})
    load(connection, [*gaps, *quiet, *echo], [broken], [again], at=TODAY + DAY)
    load(connection, [reading(TODAY + timedelta(hours=2), "aq-1", location="street")], stream="air_quality")


def add_measures(connection: Connection) -> None:
    for hour, seconds in ((1, 5.0), (2, 1_900.0), (3, 4.0)):
        rows = [LagRow("validator-iot_data", "raw_iot_data", part, 1, 9, 9, 8, seconds - part) for part in (0, 1)]
        add_lag_snapshot(connection, TODAY + timedelta(hours=hour), rows)
    books = {"raw": 900, "valid": 800, "repaired": 3, "dead": 60, "duplicates": 26, "in_flight": 14, "unaccounted": 0}
    for offset, outcome in enumerate(("valid", "valid", "dead")):
        values = ["iot_data", 0, offset, "r-1", outcome, "raw_iot_data", 0, offset, None, TODAY + timedelta(hours=9)]
        connection.execute(f"INSERT INTO redriven VALUES ({', '.join('?' * len(values))})", values)
    document = {"stream": "iot_data", **books, "loaded": {"valid": 800, "dead": 60}, "findings": []}
    add_ledger_audit(connection, TODAY + timedelta(hours=23), document)


def add_alert(settings: Settings) -> None:
    """One that fires at 02:10 and is resolved hours later."""
    clock = ManualClock(TODAY + timedelta(hours=2))
    for _ in range(2):
        behind = Signal("lag", "seconds_behind", "validator-iot_data", "info", "1,000 s behind", clock.now(), 1_000.0)
        evaluate(settings, clock, [behind])
        clock.advance(600)
    for _ in range(2):
        clock.advance(3_600)
        evaluate(settings, clock, [])


def publish(settings: Settings, now: datetime = NEXT_MORNING) -> None:
    with open_warehouse(settings) as connection:
        for mart in MARTS.values():
            build(connection, mart, now=now, catalogues=catalogues_of(settings))
    Publisher(settings, ManualClock(now)).publish(always=True)


def fill(settings: Settings) -> None:
    with open_warehouse(settings) as connection:
        add_days(connection)
        add_measures(connection)
    add_alert(settings)
    publish(settings)
