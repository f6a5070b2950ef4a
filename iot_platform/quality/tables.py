"""The marts and what each shows: an explicit list, nothing discovered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Mart:
    """A table made for reading. `sources` are the tables it is built from; `order` is how a preview shows it.

    Hourly ones are built hour by hour; one with `reach_hours` looks back so far from each of its hours, which are built
    one at a time, when its source changed in them; daily ones by the days whose hours changed in the hourly marts that
    they are built from; the others as a whole. `stored` ones are not built: others add their rows.
    """

    name: str
    description: str
    sources: tuple[str, ...]
    order: str
    hourly: bool = False
    reach_hours: int | None = None
    daily: bool = False
    stored: bool = False


_HOURLY = (
    Mart(
        "stream_flow",
        "How each stream flowed, hour by hour: valid and dead records, sensors that sent, and the longest pauses in "
        "which nobody sent anything. A pause of all sensors is an outage of the platform or its network, not theirs.",
        ("readings", "dead_letters"),
        "hour DESC, stream",
        hourly=True,
    ),
    Mart(
        "dlq_summary",
        "Why records are dead: by hour, reason, field and sensor type, with their share of all records, an example and "
        "what to do. Begin with the largest share; dlq_samples shows the records themselves, and the job dlq_fix (or "
        "`iot-platform dlq fix PATCH`) mends what a patch can.",
        ("readings", "dead_letters"),
        "hour DESC, dead_letters DESC, stream, code, field, sensor_type",
        hourly=True,
    ),
    Mart(
        "sensor_quality",
        "Each sensor, hour by hour: valid, repaired, dead and repeated records, nulls, how regularly it sends, and a "
        "score from 0 to 100. Visit the sensors with the lowest score first.",
        ("readings", "dead_letters", "ledger"),
        "hour DESC, score, stream, sensor_id",
        hourly=True,
    ),
    Mart(
        "null_rates",
        "How often each field was null as it was sent, by hour: for the stream, by location and by sensor. One sensor "
        "with a high rate is broken; a whole location points to its gateway, all sensors to a release of firmware.",
        ("readings", "dead_letters"),
        "hour DESC, rate DESC, nulls DESC, stream, field, sensor_id, location",
        hourly=True,
    ),
    Mart(
        "duplicate_rates",
        "How many repeats the validator dropped, by hour: for the stream and by sensor. Repeats do no harm; a sensor "
        "with many does not hear its acknowledgements: look at its network.",
        ("readings", "ledger"),
        "hour DESC, rate DESC, duplicates DESC, stream, sensor_id",
        hourly=True,
    ),
    Mart(
        "extra_fields",
        "Fields beyond the contract that valid readings had, by hour, name and JSON type. One that appears or changes "
        "its type tells of new firmware: ask its owner whether the contract should have it.",
        ("readings",),
        "hour DESC, readings DESC, stream, field, json_type",
        hourly=True,
    ),
    Mart(
        "sensor_values",
        "What each sensor measured, by the hour: the spread of its valid values, how long it stayed at one value, and "
        "how late it sends. Draw a sensor's median over time beside the others of its type.",
        ("readings",),
        "hour DESC, stream, sensor_id",
        hourly=True,
    ),
    Mart(
        "sensor_findings",
        "Sensors that behave oddly though each of their readings is valid, by hour and rule: stuck, unit_flip, "
        "clock_skew, drift, spike or rate, with the figures behind it. Nothing is refused for it. Visit those with the "
        "largest excess first; flagged_readings has their readings; thresholds are the catalogue's.",
        ("sensor_values",),
        "hour DESC, excess DESC, stream, sensor_id, rule",
        hourly=True,
        reach_hours=7 * 24,
    ),
)

_DAILY = (
    Mart(
        "quality_trends",
        "Quality by day: of the platform, of each stream, location and sensor, with the score of sensor_quality. A "
        "place whose sensors fall together has one cause; compare a sensor with its own days before.",
        ("sensor_quality",),
        "day DESC, score, stream, scope, name",
        daily=True,
    ),
)

_WHOLE = (
    Mart(
        "dlq_samples",
        "The newest five dead letters of each stream and reason, with their payload and their place in Kafka. Read "
        "one before you ask the owner of the sensor; `iot-platform dlq show SOURCE` marks the place in its bytes.",
        ("dead_letters",),
        "accepted_at DESC, stream, code, partition, kafka_offset DESC",
    ),
    Mart(
        "dlq_outcomes",
        "What became of the dead letters of the last 30 days, by reason: untouched, in flight, fixed, duplicate, dead "
        "again, unrecoverable or parked. `iot-platform dlq list` shows them, the jobs dlq_fix, dlq_redrive and "
        "dlq_park work on them.",
        ("dead_letters",),
        "dead_letters DESC, stream, code, status",
    ),
    Mart(
        "silent_sensors",
        "Sensors that should have reported by now and have not, judged by their own interval and by how far the "
        "stream has come: an outage of the platform names none. Look at power and network of those named.",
        ("sensor_quality", "stream_flow"),
        "missed DESC, stream, sensor_id",
    ),
)

_STORED = (
    Mart(
        "lag_snapshots",
        "How far each consumer group is behind, by partition: messages and the age of the oldest one that waits. "
        "Growing seconds mean that more comes than is worked off: add validators, or see what slows them.",
        (),
        "taken_at DESC, seconds DESC, consumer_group, topic, partition",
        stored=True,
    ),
    Mart(
        "ledger_audit",
        "The books of each stream: raw = valid + dead + duplicates + in flight, and the rows there are. Anything "
        "unaccounted is a loss or a double: its findings say where.",
        (),
        "taken_at DESC, stream",
        stored=True,
    ),
)

MARTS: Mapping[str, Mart] = {mart.name: mart for mart in (*_HOURLY, *_DAILY, *_WHOLE, *_STORED)}
"""All of them by name, in the order in which they are built: daily and whole ones read hourly ones."""
