"""The checks: each asks the warehouse one question, judges the answer by its levels and says it in a sentence.

    evaluate(connection, settings, "freshness", now)

`evaluate` gathers; the judges are pure: rows, levels and now in, a verdict out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from iot_platform.errors import UsageError
from iot_platform.quality import judges, more_judges
from iot_platform.quality.hours import HOUR, floor_hour
from iot_platform.quality.judges import Facts
from iot_platform.quality.levels import load_levels
from iot_platform.quality.verdict import StreamVerdict, Verdict
from iot_platform.settings import Settings
from iot_platform.warehouse import scripts
from iot_platform.warehouse.marts import Connection, ask_rows

Judge = Callable[[Facts], Verdict]


@dataclass(frozen=True)
class Check:
    """A question about a table; `description` says what it asks and why."""

    name: str
    table: str
    description: str
    judge: Judge


_ALL = (
    Check(
        "dead_letter_share",
        "dlq_summary",
        "How many of a stream's records are dead, in the last full hour and this one.",
        judges.dead_letter_share,
    ),
    Check(
        "null_rates",
        "null_rates",
        "Whether a sensor leaves out a field, in the last full hour or this one.",
        judges.null_rates,
    ),
    Check(
        "freshness",
        "readings",
        "How old the newest reading of each stream is that flowed and that nobody switched off.",
        judges.freshness,
    ),
    Check(
        "unaccounted",
        "ledger_audit",
        "Whether the newest audit could account for every record of every stream.",
        judges.unaccounted,
    ),
    Check(
        "duplicates",
        "readings",
        "Whether a message id stands twice within the deduplication window.",
        judges.duplicates,
    ),
    Check("lag", "lag_snapshots", "How long the oldest record that waits has waited, in any group.", judges.lag),
    Check(
        "sensor_findings",
        "sensor_findings",
        "Whether sensors behave oddly (stuck, drifting, a wrong unit or clock ...) in the last full hour or this one.",
        judges.sensor_findings,
    ),
    Check(
        "silent_sensors",
        "silent_sensors",
        "Whether sensors are silent that should have reported by now.",
        judges.silent_sensors,
    ),
    Check(
        "null_burst",
        "readings",
        "Whether several sensors have begun to leave out a field, by the newest readings of each.",
        more_judges.null_burst,
    ),
    Check(
        "duplicate_share",
        "duplicate_rates",
        "How many of the records of a stream were repeats, in the last full hour and this one.",
        more_judges.duplicate_share,
    ),
    Check(
        "unprocessable",
        "dlq_summary",
        "Whether a record made the validator or Kafka fail, in the last 24 hours.",
        more_judges.unprocessable,
    ),
    Check(
        "parked_letters",
        "dlq_outcomes",
        "Whether dead letters were sent again for the last time and parked, in the last 24 hours.",
        more_judges.parked_letters,
    ),
)

CHECKS: Mapping[str, Check] = {check.name: check for check in _ALL}


def evaluate(
    connection: Connection, settings: Settings, name: str, now: datetime, off: Collection[str] = ()
) -> Verdict:
    """The verdict of one check; `off` are the streams that a person has switched off.

    Raises UsageError for a check that there is not, SettingsError when the file of levels does not hold.
    """
    check = CHECKS.get(name)
    if check is None:
        raise UsageError(f"There is no check '{name}'.", next_step=f"Name one of {', '.join(CHECKS)}.")
    levels = load_levels(settings.quality.levels)[name]
    rows = ask_rows(connection, scripts.checks()[name], _named(settings, now))
    fleet = settings.fleet.stream if settings.fleet.enabled else ""
    facts = Facts(rows, levels, now, tuple(settings.streams), fleet, off)
    return replace(check.judge(facts), check=name, table=check.table, streams=_by_stream(check, facts))


def _by_stream(check: Check, facts: Facts) -> dict[str, StreamVerdict]:
    """The judge's word on each stream alone, also on one that is well and has no row: so an alert that is over says how
    it is now. None where rows do not say whose they are."""
    if not all("stream" in row for row in facts.rows):
        return {}
    found = {}
    for stream in dict.fromkeys([*(row["stream"] for row in facts.rows), *facts.streams]):
        mine = [row for row in facts.rows if row["stream"] == stream]
        fleet = facts.fleet if facts.fleet == stream else ""
        alone = check.judge(replace(facts, rows=mine, streams=(stream,), fleet=fleet))
        found[stream] = StreamVerdict(alone.status, alone.text)
    return found


def _named(settings: Settings, now: datetime) -> dict[str, Any]:
    since = {name: now - timedelta(hours=stream.dedup_window_hours) for name, stream in settings.streams.items()}
    return {
        "now": now,
        "last_hour": floor_hour(now) - HOUR,
        "windows": [{"stream": name, "since": moment} for name, moment in since.items()],
        "earliest": min(since.values(), default=now),
    }
