"""Judges of what several sensors or single records tell: bursts of nulls, repeats, records that were given up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from iot_platform.quality.common_cause import Share, cause_sentence
from iot_platform.quality.judges import Facts, Row, named
from iot_platform.quality.verdict import Verdict, count_of, moment, offending, per_cent

_FEWEST_SENSORS = 3
_COLUMNS = ("stream", "sensor_id", "field", "location", "schema_version", "readings", "nulls")


def null_burst(facts: Facts) -> Verdict:
    """The field that the largest share of a stream's sensors leaves out decides; fewer than three are no burst."""
    rows = [row for row in facts.rows if row["affected"] >= _FEWEST_SENSORS and row["share"] >= facts.levels.warn]
    worst = max((row["share"] for row in rows), default=0.0)
    figures = {"affected_share": worst, "affected_sensors": max((row["affected"] for row in rows), default=0)}
    if not rows:
        return Verdict("pass", "No field has begun to be missing in several sensors at once.", figures)
    text = " ".join(_burst_of(stream, rows) for stream in dict.fromkeys(row["stream"] for row in rows))
    return offending(facts.levels.status(worst), text, figures, _offenders(rows), _COLUMNS)


def _burst_of(stream: str, rows: Iterable[Row]) -> str:
    mine = [row for row in rows if row["stream"] == stream]
    first, sensors = mine[0], [one for row in mine for one in row["worst"]]
    return (
        f"{count_of(first['affected'], 'sensor')} of {stream} (of {first['sensors']:,}) left out a field in "
        f"their newest readings: {first['field']} is null in {per_cent(first['nulls'] / first['readings'])} of their "
        "readings. "
        f"Fields: {named(mine, 'field', 6)}. Sensors: {named(sensors, 'sensor_id', 5)}. "
        f"Locations: {named(sensors, 'location', 5)}. Schema versions: {named(sensors, 'version', 5)}. "
        f"{cause_sentence([Share(**share) for share in first['shares']], first['affected'], first['sensors'])}"
    )


def _offenders(rows: Iterable[Row]) -> list[dict[str, Any]]:
    found = [
        {"stream": row["stream"], "field": row["field"], **one, "schema_version": one["version"]}
        for row in rows
        for one in row["worst"]
    ]
    return sorted(found, key=lambda one: (-one["nulls"] / one["readings"], one["stream"], one["sensor_id"]))


def duplicate_share(facts: Facts) -> Verdict:
    """The stream with the largest share decides."""
    worst = max((row["share"] for row in facts.rows), default=0.0)
    figures = {"duplicate_share": worst, "duplicates": sum(row["duplicates"] for row in facts.rows)}
    rows = [row for row in facts.rows if row["share"] >= facts.levels.warn]
    if not rows:
        return Verdict(
            "pass", f"Less than {per_cent(facts.levels.warn)} of what sensors sent were repeats of theirs.", figures
        )
    first = rows[0]
    text = (
        f"{per_cent(first['share'])} of what {first['stream']} was sent ({first['duplicates']:,} of "
        f"{first['records']:,}) were repeats, which the validator dropped; most by {_first(first['sensors'])}. They do "
        "not hear that they were understood: look at their network and at their time-outs."
    )
    return offending(facts.levels.status(worst), text, figures, rows, ("stream", "duplicates", "records", "share"))


def unprocessable(facts: Facts) -> Verdict:
    """Any record on which the validator or Kafka failed."""

    def told(letters: int, first: Row) -> str:
        return (
            f"{count_of(letters, 'record')} of {named(facts.rows, 'stream')} made the validator or Kafka fail in the "
            f"last 24 hours, {first['source']} of {first['sensor_id'] or 'an unknown sensor'} at "
            f"{moment(first['newest_at'])}. `iot-platform dlq show {first['source']}` has the error: it is a defect of "
            "ours, not of the sensor."
        )

    return _any_letter(facts, "No record made its batch fail in the last 24 hours.", told)


def parked_letters(facts: Facts) -> Verdict:
    """Any dead letter that was sent again for the last time."""

    def told(letters: int, first: Row) -> str:
        return (
            f"{count_of(letters, 'dead letter')} of {named(facts.rows, 'stream')} were dead again so often that they "
            f"were parked, {first['source']} at {moment(first['newest_at'])}. `iot-platform dlq show "
            f"{first['source']}` says why; mend the patch, then release them with `iot-platform dlq park --release`."
        )

    return _any_letter(facts, "No dead letter was given up in the last 24 hours.", told)


def _any_letter(facts: Facts, well: str, told: Callable[[int, Row], str]) -> Verdict:
    letters = sum(row["letters"] for row in facts.rows)
    if not letters:
        return Verdict("pass", well, {"letters": 0})
    text = told(letters, facts.rows[0])
    columns = ("stream", "letters", "source")
    return offending(facts.levels.status(letters), text, {"letters": letters}, facts.rows, columns)


def _first(names: list[str] | None) -> str:
    return ", ".join((names or ["nobody"])[:3])
