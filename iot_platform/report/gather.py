"""Ask the reader's copy for everything that a report says. One connection, so that all figures are of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from iot_platform.contract.catalogue import NULL_CHOICES
from iot_platform.errors import UsageError
from iot_platform.quality.advice import ADVICE
from iot_platform.quality.levels import load_levels
from iot_platform.quality.marts import catalogues_of, parameters
from iot_platform.report import figures as of
from iot_platform.report.causes import cause_of
from iot_platform.report.period import Period
from iot_platform.report.since import begun, day_run, points
from iot_platform.settings import Settings
from iot_platform.warehouse import scripts
from iot_platform.warehouse.marts import Connection, ask_rows

BAD_SCORE = 90.0
"""Below it a sensor is named, as in the figures of sensor_quality."""
SHOWN_ROWS = 20
"""Of a list that grows with the fleet so many are shown, and the rest is counted."""
_MANY_ROWS = 200
_ADVICE = {code.value: text for code, text in ADVICE.items()}
_ON_THEIR_WAY = timedelta(minutes=10)  # rows that no mart has yet while all is well: a cycle, and one that takes long
_JUST_BEFORE = timedelta(minutes=5, microseconds=1)  # silent_sensors takes records up to 5 minutes ahead of its now

Rows = list[dict[str, Any]]
Fact = TypeVar("Fact")


class Questions:
    """The queries of one report, with their parameters bound."""

    def __init__(self, connection: Connection, named: Mapping[str, Any]) -> None:
        self._connection = connection
        self._named = named
        self._sql = scripts.report()

    def rows(self, name: str, **more: Any) -> Rows:
        return ask_rows(self._connection, self._sql[name], {**self._named, **more})

    def facts(self, kind: type[Fact], name: str, **more: Any) -> tuple[Fact, ...]:
        """Rows as facts; columns that the fact does not have (a total) are left out."""
        fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
        return tuple(
            kind(**{column: cell for column, cell in row.items() if column in fields})
            for row in self.rows(name, **more)
        )


def gather(
    connection: Connection, settings: Settings, period: Period, stream: str | None, alerts: Sequence[Mapping[str, Any]]
) -> of.Figures:
    """The figures of one period; `stream` None: of every stream that ever had a record.

    Raises UsageError for a stream that never had one and is not configured.
    """
    known = ask_rows(connection, scripts.report()["known"], {})
    unbuilt = Questions(connection, _named(settings, period, ())).facts(of.Unbuilt, "unbuilt")
    streams = _streams(settings, sorted({*(row["stream"] for row in known), *(one.stream for one in unbuilt)}), stream)
    asked = Questions(connection, _named(settings, period, streams))
    first_day = min((row["first_day"] for row in known if row["stream"] in streams), default=None)
    totals = _totals(asked)
    reasons, sensors = _reasons(asked, period, totals), _sensors(asked, period)
    silent = _silent(connection, settings, period, streams)
    places = asked.rows("places", rows=SHOWN_ROWS)
    null_sensors = asked.facts(of.NullSensor, "null_sensors", many=_MANY_ROWS)
    low, odd = asked.rows("sensors", rows=1), asked.rows("odd", rows=1)
    return of.Figures(
        period=period,
        streams=tuple(streams),
        first_day=first_day,
        unbuilt=tuple(one for one in unbuilt if one.stream in streams),
        totals=totals["this"],
        totals_before=totals["before"],
        totals_earlier=totals["earlier"],
        days=asked.facts(of.DayScore, "days"),
        places=asked.facts(of.Place, "places", rows=SHOWN_ROWS),
        places_total=places[0]["total"] if places else 0,
        sensors=sensors,
        sensors_total=low[0]["total"] if low else 0,
        movers=asked.facts(of.Mover, "movers"),
        reasons=reasons,
        redrives=asked.facts(of.Redrive, "redrives"),
        null_rates=asked.facts(of.NullRate, "null_heat", rows=SHOWN_ROWS),
        null_sensors=null_sensors,
        null_since=_null_since(asked, null_sensors, period),
        silent=silent[:SHOWN_ROWS],
        silent_total=len(silent),
        odd=asked.facts(of.Odd, "odd", rows=SHOWN_ROWS),
        odd_total=odd[0]["total"] if odd else 0,
        duplicates=asked.facts(of.Duplicates, "duplicates"),
        duplicate_sensors=asked.facts(of.DuplicateSensor, "duplicate_sensors"),
        lag=asked.facts(of.Lag, "lag"),
        pauses=asked.facts(of.Pause, "pauses"),
        drift=asked.facts(of.Drift, "drift", rows=SHOWN_ROWS),
        alerts=tuple(_alert(row) for row in alerts if stream is None or row["stream"] in ("", stream)),
        audits=asked.facts(of.Audit, "audits"),
        offsets=asked.facts(of.Offsets, "offsets"),
    )


def _streams(settings: Settings, known: list[str], stream: str | None) -> list[str]:
    if stream is None:
        return known
    if stream not in known and stream not in settings.streams:
        raise UsageError(
            f"There is no stream '{stream}'.",
            next_step=f"Name one of {', '.join(sorted({*known, *settings.streams}))}.",
        )
    return [stream]


def _named(settings: Settings, period: Period, streams: Sequence[str]) -> dict[str, Any]:
    """The parameters that the queries may name."""
    levels = load_levels(settings.quality.levels)
    this = {"period": "this", "first_day": period.first_day, "last_day": period.last_day}
    spans = {"before": period.before, "earlier": period.earlier}
    return {
        "streams": list(streams),
        "start": period.start,
        "until": period.until,
        "settled": min(period.until, period.now - _ON_THEIR_WAY),
        "first_day": period.first_day,
        "last_day": period.last_day,
        "reach": period.reach,
        "before_first_day": period.before.first_day,
        **{f"{name}_start": span.start for name, span in spans.items()},
        **{f"{name}_end": span.end for name, span in spans.items()},
        "periods": [
            this,
            *({"period": n, "first_day": span.first_day, "last_day": span.last_day} for n, span in spans.items()),
        ],
        "bad": BAD_SCORE,
        "null_warn": levels["null_rates"].warn,
        "pause_warn": levels["freshness"].warn,
        "configured": list(settings.streams),
        "fleet": settings.fleet.stream if settings.fleet.enabled else "",
        "policy_fields": list(NULL_CHOICES),
    }


def _totals(asked: Questions) -> dict[str, dict[str, of.Totals]]:
    found: dict[str, dict[str, of.Totals]] = {"this": {}, "before": {}, "earlier": {}}
    for row in asked.rows("totals"):
        period = row.pop("period")
        found[period][row["stream"]] = of.Totals(**row)
    return found


def _sensors(asked: Questions, period: Period) -> tuple[of.Sensor, ...]:
    """The worst ones, each with its cause, since when, and its hours."""
    found = asked.facts(of.Sensor, "sensors", rows=SHOWN_ROWS)
    if not found:
        return ()
    wanted = [{"stream": one.stream, "sensor_id": one.sensor_id} for one in found]
    hours = _by_sensor(asked.rows("sensor_hours", sensors=wanted))
    days = _by_sensor(asked.rows("sensor_days", sensors=wanted))
    reasons = _by_sensor(asked.rows("sensor_reasons", sensors=wanted))
    nulls = _by_sensor(asked.rows("null_sensors", many=1_000_000))
    odd = _by_sensor(asked.rows("odd", rows=1_000_000))
    told = []
    for one in found:
        key = (one.stream, one.sensor_id)
        scores = {row["hour"]: row["score"] for row in hours.get(key, [])}
        low = [hour for hour, score in scores.items() if score < BAD_SCORE]
        told.append(
            replace(
                one,
                cause=cause_of(one, reasons.get(key, []), nulls.get(key, []), odd.get(key, [])),
                since=begun({row["day"] for row in days.get(key, [])}, low, period),
                hours=points(scores, period),
            )
        )
    return tuple(told)


def _by_sensor(rows: Rows) -> dict[tuple[str, str], Rows]:
    found: dict[tuple[str, str], Rows] = {}
    for row in rows:
        found.setdefault((row["stream"], row["sensor_id"]), []).append(row)
    return found


def _reasons(asked: Questions, period: Period, totals: Mapping[str, Mapping[str, of.Totals]]) -> tuple[of.Reason, ...]:
    times: dict[tuple[str, str], dict[datetime, int]] = {}
    for row in asked.rows("reason_times"):
        times.setdefault((row["stream"], row["code"]), {})[row["hour"]] = row["records"]
    culprits = asked.facts(of.Culprit, "reason_sensors")
    samples = {(one.stream, one.code): one for one in asked.facts(of.Sample, "samples")}
    return tuple(
        replace(
            one,
            share=_share(one.records, totals["this"].get(one.stream)) or 0.0,
            share_before=_share(one.records_before, totals["before"].get(one.stream)),
            share_earlier=_share(one.records_earlier, totals["earlier"].get(one.stream)),
            since=begun({hour.date() for hour in times.get(key, {})}, [one.first_at] if one.first_at else [], period),
            hours=tuple(int(count or 0) for count in points(times.get(key, {}), period)),
            culprits=tuple(culprit for culprit in culprits if (culprit.stream, culprit.code) == key),
            sample=samples.get(key),
            what_to_do=_ADVICE.get(one.code, ""),
        )
        for one in asked.facts(of.Reason, "reasons")
        for key in [(one.stream, one.code)]
    )


def _share(records: int, then: of.Totals | None) -> float | None:
    """Never above all, also where the marts have not counted all of them yet."""
    return records / max(records, then.records) if then is not None and then.records else None


def _null_since(asked: Questions, sensors: Sequence[of.NullSensor], period: Period) -> date | None:
    """Since when any of them leaves out its field, each judged by its own days."""
    if not sensors:
        return None
    wanted = [{"stream": one.stream, "sensor_id": one.sensor_id, "field": one.field} for one in sensors]
    days: dict[tuple[str, str, str], set[date]] = {}
    for row in asked.rows("null_days", sensors=wanted):
        days.setdefault((row["stream"], row["sensor_id"], row["field"]), set()).add(row["day"])
    begun_on = (day_run(found, period) for found in days.values())
    return min((day for day in begun_on if day is not None), default=None)


def _silent(
    connection: Connection, settings: Settings, period: Period, streams: Sequence[str]
) -> tuple[of.Silent, ...]:
    """By the mart's own SELECT, as it would have been at the end of the period."""
    moment = period.until if period.running else period.end - _JUST_BEFORE
    rows = ask_rows(connection, scripts.marts()["silent_sensors"], parameters(catalogues_of(settings), moment))
    found = [of.Silent(**row) for row in rows if row["stream"] in streams]
    return tuple(sorted(found, key=lambda one: (-one.missed, one.stream, one.sensor_id)))


def _alert(row: Mapping[str, Any]) -> of.Alert:
    times = {name: row[name].astimezone(UTC) if row[name] else None for name in ("fired_at", "resolved_at")}
    return of.Alert(**{**row, **times})
