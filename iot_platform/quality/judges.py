"""How each check judges the rows of its query. Pure: facts in, verdict out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iot_platform.clock import duration
from iot_platform.quality.advice import FINDING_ADVICE, NAMES
from iot_platform.quality.common_cause import cause_of
from iot_platform.quality.levels import Levels
from iot_platform.quality.verdict import Verdict, count_of, moment, offending, per_cent

_FLOWS_FROM_HOURS = 3
_GIVEN_UP_SECONDS = 7 * 86_400.0
_MOST_BACK = 5
_OLD_SNAPSHOT_SECONDS = 600.0
_OLD_AUDIT_SECONDS = 86_400.0

Row = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """Rows of the check's query, its levels, the moment, the streams there are, the fleet's (empty: it is off), and
    those that a person has switched off."""

    rows: Sequence[Row]
    levels: Levels
    now: datetime
    streams: Sequence[str]
    fleet: str = ""
    off: Collection[str] = ()


def dead_letter_share(facts: Facts) -> Verdict:
    """The stream with the largest share decides."""
    streams = {row["stream"]: (row["stream_dead"], row["stream_records"]) for row in facts.rows}
    if not streams:
        figures = {"dead_share": 0.0, "dead": 0, "records": 0}
        return Verdict("pass", "No stream has a record since the last full hour began.", figures)
    worst = max(streams, key=lambda name: streams[name][0] / streams[name][1])
    dead, records = streams[worst]
    share = dead / records
    status = facts.levels.status(share)
    figures = {
        "dead_share": share,
        "dead": sum(dead for dead, _ in streams.values()),
        "records": sum(records for _, records in streams.values()),
    }
    text = (
        f"{per_cent(share)} of the records of {worst} ({dead:,} of {records:,}) are dead since the last full hour began"
    )
    if status == "pass":
        return Verdict(status, f"{text}.", figures)
    high = {name for name, (dead, records) in streams.items() if dead / records >= facts.levels.warn}
    offenders = [row for row in facts.rows if row["stream"] in high and row["share"] >= facts.levels.warn]
    text += f"{_why_dead(worst, facts.rows, offenders)} `iot-platform dlq list` says what to do about each reason."
    return offending(
        status, text, figures, offenders,
        ("stream", "sensor_id", "location", "dead", "records", "share", "most_frequent_reason"),
    )  # fmt: skip


def _why_dead(stream: str, rows: Sequence[Row], offenders: Sequence[Row]) -> str:
    """Reasons and fields, sensors and places, and what these sensors share."""
    first = next(row for row in rows if row["stream"] == stream)
    reasons = ", ".join(f"{one['code']} ({one['letters']:,})" for one in first["reasons"])
    fields = f" Fields: {', '.join(first['fields'])}." if first["fields"] else ""
    known = [row for row in offenders if row["stream"] == stream and row["sensor_id"] != "(none)"]
    places = [row for row in known if row["location"]]
    return (
        f". Reasons: {reasons}.{fields} Most by sensor: {named(offenders, 'sensor_id')}."
        + (f" Locations: {named(places, 'location')}." if places else "")
        + cause_of(known)
    )


def null_rates(facts: Facts) -> Verdict:
    """The worst field of a sensor decides."""
    rows = [row for row in facts.rows if row["rate"] >= facts.levels.warn]
    worst = max((row["rate"] for row in facts.rows), default=0.0)
    sensors = {(row["stream"], row["sensor_id"]) for row in rows}
    figures = {"worst_null_rate": worst, "sensors": len(sensors)}
    if not rows:
        return Verdict(
            "pass", f"No sensor leaves out a field in {per_cent(facts.levels.warn)} of its readings or more.", figures
        )
    first = rows[0]
    text = (
        f"{count_of(len(sensors), 'sensor')} left out a field in {per_cent(facts.levels.warn)} or more of an hour's "
        f"readings; worst is {first['field']} of {first['sensor_id']}: null in {first['nulls']:,} of "
        f"{first['readings']:,} ({per_cent(worst)}). Fields: {named(rows, 'field', 6)}. Sensors: "
        f"{named(rows, 'sensor_id', 5)}. Locations: {named(rows, 'location', 5)}. See null_rates by location: a single "
        f"sensor is broken, a whole location points to its gateway.{cause_of(_of_field(rows, first))}"
    )
    return offending(
        facts.levels.status(worst), text, figures, rows,
        ("stream", "sensor_id", "field", "location", "readings", "nulls", "rate"),
    )  # fmt: skip


def _of_field(rows: Sequence[Row], first: Row) -> list[Row]:
    """A row for each sensor that leaves out the same field of the same stream."""
    mine = [row for row in rows if (row["stream"], row["field"]) == (first["stream"], first["field"])]
    return list({row["sensor_id"]: row for row in mine}.values())


def freshness(facts: Facts) -> Verdict:
    """Of the streams that flow, the one whose newest reading is oldest decides. One that flowed is expected to go on
    until a person says otherwise."""
    flowing = [
        row
        for row in facts.rows
        if row["stream"] not in facts.off and (row["hours"] >= _FLOWS_FROM_HOURS or row["stream"] == facts.fleet)
    ]
    seconds = max((max(0.0, row["seconds"]) for row in flowing), default=0.0)
    figures = {"seconds": seconds, "flowing_streams": len(flowing)}
    rest = _not_expected(facts, {row["stream"] for row in flowing})
    if not flowing:
        return Verdict("pass", f"No stream flows, so none can be late.{rest}", figures)
    worst = flowing[0]
    status = facts.levels.status(seconds)
    text = f"The newest reading of {worst['stream']} is {duration(seconds)} old (from {moment(worst['newest'])})"
    if status == "pass":
        return Verdict(status, f"{text}.{rest}", figures)
    late = [row for row in flowing if row["seconds"] >= facts.levels.warn]
    text += (
        ". See whether its producer and validator run (`iot-platform status`), whether Kafka answers and whether "
        f"loads succeed.{_given_up(late)}{rest}"
    )
    return offending(status, text, figures, late, ("stream", "newest", "seconds", "hours"))


def _not_expected(facts: Facts, flowing: Collection[str]) -> str:
    """Which streams are not expected to flow, and why not."""
    off = ", ".join(sorted(set(facts.streams) & set(facts.off)))
    idle = ", ".join(sorted(set(facts.streams) - set(facts.off) - set(flowing)))
    return (f" Switched off by a person: {off}." if off else "") + (
        f" Not expected to flow, with readings in fewer than {_FLOWS_FROM_HOURS} of 24 hours: {idle}." if idle else ""
    )


def _given_up(late: Sequence[Row]) -> str:
    """How to end an alert for what will not come back: it does not end by itself, as if all were well."""
    names = [row["stream"] for row in late if row["seconds"] >= _GIVEN_UP_SECONDS]
    if not names:
        return ""
    return (
        f" Given up on after 7 days: {', '.join(names)}. If it is not to come back, say so with "
        f"`iot-platform streams stop validator-{names[0]}-0`."
    )


def unaccounted(facts: Facts) -> Verdict:
    """Anything that the newest audit of a stream could not account for."""
    if not facts.rows:
        return Verdict(
            "pass", "No audit was kept yet: `iot-platform audit` makes one.", {"unaccounted": 0, "findings": 0}
        )
    missing = sum(abs(row["unaccounted"]) for row in facts.rows)
    findings = sum(row["findings"] for row in facts.rows)
    figures = {"unaccounted": missing, "findings": findings}
    oldest = min(row["taken_at"] for row in facts.rows)
    if not missing and not findings:
        raw = sum(row["raw"] for row in facts.rows)
        age = (facts.now - oldest).total_seconds()
        old = f" It is {duration(age)} old: `iot-platform audit` makes a new one." if age > _OLD_AUDIT_SECONDS else ""
        what = f"All {raw:,} records of {count_of(len(facts.rows), 'stream')} are accounted for"
        return Verdict("warn" if old else "pass", f"{what}, as of {moment(oldest)}.{old}", figures)
    rows = [row for row in facts.rows if row["unaccounted"] or row["findings"]]
    first = rows[0]
    text = (
        f"{count_of(missing, 'record')} of {', '.join(row['stream'] for row in rows)} cannot be accounted for, with "
        f"{count_of(findings, 'finding')} as of {moment(oldest)}"
        f"{': ' + first['first_finding'] if first['first_finding'] else '.'} "
        f"`iot-platform audit --stream {first['stream']}` lists them with what to do."
    )
    status = facts.levels.status(max(missing, findings))
    return offending(status, text, figures, rows, ("stream", "taken_at", "unaccounted", "findings", "first_finding"))


def duplicates(facts: Facts) -> Verdict:
    """Any id that stands twice."""
    ids = sum({row["stream"]: row["ids"] for row in facts.rows}.values())
    figures = {"duplicate_ids": ids}
    if not ids:
        return Verdict("pass", "No message id stands twice within the deduplication window.", figures)
    first = facts.rows[0]
    text = (
        f"{count_of(ids, 'message id')} stand more than once within the deduplication window, {first['message_id']} of "
        f"{first['stream']} {first['times']} times. `iot-platform audit --stream {first['stream']}` tells whether the "
        "validator or the loader doubled them."
    )
    return offending(facts.levels.status(ids), text, figures, facts.rows, ("stream", "message_id", "times"))


def lag(facts: Facts) -> Verdict:
    """The longest wait decides; a snapshot that is no longer taken warns by itself."""
    if not facts.rows:
        return Verdict("pass", "No lag was measured yet.", {"lag_seconds": 0.0, "lag_messages": 0})
    first = facts.rows[0]
    messages = sum(row["messages"] for row in facts.rows)
    figures = {"lag_seconds": first["seconds"], "lag_messages": messages}
    age = (facts.now - first["taken_at"]).total_seconds()
    if age > _OLD_SNAPSHOT_SECONDS:
        text = f"The lag was last measured {duration(age)} ago: see whether the lag watch runs and Kafka answers."
        return Verdict("warn", text, figures)
    status = facts.levels.status(first["seconds"])
    if status == "pass":
        text = f"{count_of(messages, 'record')} wait in all, the oldest for {duration(first['seconds'])}."
        return Verdict(status, text, figures)
    text = (
        f"{first['consumer_group']} is {duration(first['seconds'])} behind on {first['topic']}/{first['partition']}, "
        f"with {count_of(messages, 'record')} waiting in all groups. See whether that group runs "
        "(`iot-platform status`); if it does and still falls behind, raise streams.<name>.validators."
    )
    late = [row for row in facts.rows if row["seconds"] >= facts.levels.warn]
    return offending(status, text, figures, late, ("consumer_group", "topic", "partition", "messages", "seconds"))


def sensor_findings(facts: Facts) -> Verdict:
    """How many sensors behave oddly; the worst of each rule is told."""
    sensors = {(row["stream"], row["sensor_id"]) for row in facts.rows}
    worst = max((row["excess"] for row in facts.rows), default=0.0)
    figures = {"odd_sensors": len(sensors), "worst_excess": worst}
    status = facts.levels.status(len(sensors))
    if not sensors:
        return Verdict(status, "No sensor behaves oddly.", figures)
    by_rule = {row["rule"]: row for row in reversed(facts.rows)}
    worst_first = sorted(by_rule.values(), key=lambda row: -row["excess"])[:3]
    told = "; ".join(f"{row['sensor_id']} ({NAMES[row['rule']]}: {row['evidence']})" for row in worst_first)
    rest = len(sensors) - len({(row["stream"], row["sensor_id"]) for row in worst_first})
    more = f"; and {rest} more" if rest else ""
    text = (
        f"{count_of(len(sensors), 'sensor')} {'behaves' if len(sensors) == 1 else 'behave'} oddly, though the readings "
        f"are valid: {told}{more}. {FINDING_ADVICE[worst_first[0]['rule']]} See sensor_findings and flagged_readings."
    )
    return offending(
        status, text, figures, facts.rows,
        ("stream", "sensor_id", "location", "rule", "readings", "value", "expected", "excess", "evidence"),
    )  # fmt: skip


def silent_sensors(facts: Facts) -> Verdict:
    """How many are silent, as a number and as a share of their stream; and who is back."""
    rows = [row for row in facts.rows if not row["back"]]
    count = len(rows)
    longest = max((row["silent_seconds"] for row in rows), default=0.0)
    figures = {"silent_sensors": count, "longest_silence_seconds": longest}
    of_stream = Counter(row["stream"] for row in rows)
    several = [row for row in rows if row["sensors"] and of_stream[row["stream"]] > 1]  # one is one broken sensor
    shares = [of_stream[row["stream"]] / row["sensors"] for row in several]
    status = facts.levels.status(count, max(shares, default=0.0))
    back = _back([row for row in facts.rows if row["back"]])
    if not count:
        return Verdict(status, f"Every sensor has reported within two of its intervals.{back}", figures)
    first = rows[0]
    mine = [row for row in rows if row["stream"] == first["stream"]]
    text = (
        f"{count_of(count, 'sensor')} should have reported by now and {'has' if count == 1 else 'have'} not: "
        f"{named(rows, 'sensor_id', 10)} at {named(rows, 'location')}. "
        f"{first['sensor_id']} has said nothing since {moment(first['since'])} and "
        f"missed {first['missed']:,} reports (one every {duration(first['expected_seconds'])}, "
        f"{first['expected_by']}).{cause_of(mine)}{back} "
        "`iot-platform query silent_sensors` names them all; look at power and network there."
    )
    return offending(
        status, text, figures, rows,
        ("stream", "sensor_id", "sensor_type", "location", "since", "missed", "expected_seconds", "expected_by"),
    )  # fmt: skip


def _back(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    told = ", ".join(f"{row['sensor_id']} after {duration(row['silent_seconds'])}" for row in rows[:_MOST_BACK])
    more = f" and {len(rows) - _MOST_BACK} more" if len(rows) > _MOST_BACK else ""
    return f" Back: {told}{more}."


def named(rows: Sequence[Row], column: str, most: int = 3) -> str:
    """The first few different ones of a column, and how many more there are."""
    names = list(dict.fromkeys(str(row[column]) for row in rows))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
