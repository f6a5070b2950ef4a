"""What to do about each reason for which a record is dead, and about what is odd in many: one short sentence each."""

from __future__ import annotations

from collections.abc import Mapping

from iot_platform.contract.reasons import Code

ADVICE: Mapping[Code, str] = {
    Code.EMPTY: "Find the sender of records without a value; tombstones do not belong in the raw topic.",
    Code.TOO_LARGE: "Send less in one record, or raise streams.<name>.max_message_bytes.",
    Code.NOT_UTF8: "Have the sensor's firmware encode its JSON as UTF-8.",
    Code.NOT_JSON: "Look at the payload in dlq_samples: it is cut off or was never JSON; mend the sender.",
    Code.DUPLICATE_KEY: "Have the sender write each key once.",
    Code.TOO_DEEP: "Have the sender nest less: a reading has one level, and further fields few more.",
    Code.NOT_OBJECT: "Have the sender write one JSON object a record, not a list or a bare value.",
    Code.NULL_CRITICAL: "See why the sensor measures nothing; null_rates says how often.",
    Code.TYPE: 'Have the sender write the JSON type that the contract names, such as 21.5 and not "21.5".',
    Code.UNKNOWN_VERSION: "Update the platform, or have the sender write a schema_version that it knows.",
    Code.UNKNOWN_SENSOR_TYPE: "Add the type to the stream's catalogue, or mend the spelling at the sender.",
    Code.FORMAT: "Have the sender write the field as the contract says; the detail names the layout.",
    Code.KEY_MISMATCH: "Have the producer use the reading's sensor_id as the record's key.",
    Code.RANGE: "Check or calibrate the sensor; if the value is true, widen the range of its type in the catalogue.",
    Code.UNIT: "Have the sensor report in its type's unit, or give it a type of its own in the catalogue.",
    Code.TOO_OLD: 'Set the sensor\'s clock; for history use a stream whose max_age_seconds is "none".',
    Code.FROM_FUTURE: "Set the sensor's clock: it is ahead of the platform's.",
    Code.CONFLICT: "Find the sender that uses one message_id for different readings.",
    Code.OUTPUT_TOO_LARGE: "Send less in one record: with its headers it is too large for the topic.",
    Code.UNPROCESSABLE: "Keep the record and report it: the validator could not judge it.",
}

NAMES: Mapping[str, str] = {
    "stuck": "stuck",
    "unit_flip": "another unit",
    "clock_skew": "wrong clock",
    "drift": "drift",
    "spike": "spikes",
    "rate": "too fast",
}
"""The rules of sql/findings/, as people say them; the likelier cause first."""

FINDING_ADVICE: Mapping[str, str] = {
    "stuck": "Restart the sensor and see whether it measures; it shows the same value again and again.",
    "unit_flip": "Ask what changed at the sensor: its values are of another unit than it names.",
    "clock_skew": "Set the sensor's clock, or see whether it still asks for the time.",
    "drift": "Calibrate the sensor, or look at what is near it.",
    "spike": "Look at its wiring and supply; leave the flagged readings out of means.",
    "rate": "See whether the sensor was moved or exchanged; nothing changes as fast by nature.",
}
