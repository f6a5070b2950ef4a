"""JSON objects that break rules, and the reasons they are refused for."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.contract.records import ACCEPTED_AT, GENERATED_AT, SOUND, SOUND_BYTES, encoded, spelled, wire_time, without

BIG = str(10**400)

REFUSED: dict[str, tuple[bytes, list[str]]] = {
    # numbers
    "1e400": (spelled(value="1e400"), ["range:value"]),
    "-1e400": (spelled(value="-1e400"), ["range:value"]),
    "1E+400": (spelled(value="1E+400"), ["range:value"]),
    "10**400": (spelled(value=BIG), ["range:value"]),
    "-10**400": (spelled(value="-" + BIG), ["range:value"]),
    "10**309": (spelled(value=str(10**309)), ["range:value"]),
    "399 digits": (spelled(value="9" * 399), ["range:value"]),
    "10,000 digits": (spelled(value="9" * 10_000), ["range:value"]),
    "1e400 as battery_level": (spelled(battery_level="1e400"), ["range:battery_level"]),
    "10**400 as battery_level": (spelled(battery_level=BIG), ["range:battery_level"]),
    "-1e400 as signal_strength": (spelled(signal_strength="-1e400"), ["range:signal_strength"]),
    "-10**400 as signal_strength": (spelled(signal_strength="-" + BIG), ["range:signal_strength"]),
    "1e400 of an unknown type of sensor": (
        spelled(value="1e400", sensor_type='"gravity"'), ["unknown_sensor_type:sensor_type", "range:value"]
    ),
    "2**70 above the range": (spelled(value=str(2**70)), ["range:value"]),
    "just above": (spelled(value="85.00000000000002"), ["range:value"]),
    "just below": (spelled(value="-40.00000000000001"), ["range:value"]),
    "battery above": (spelled(battery_level="100.00000000000002"), ["range:battery_level"]),
    "battery below": (spelled(battery_level="-5e-324"), ["range:battery_level"]),
    "signal above": (spelled(signal_strength="5e-324"), ["range:signal_strength"]),
    "signal below": (spelled(signal_strength="-150.00000000000003"), ["range:signal_strength"]),
    # types
    "true for a number": (spelled(value="true"), ["type:value"]),
    "false for an optional number": (spelled(battery_level="false"), ["type:battery_level"]),
    "a string for a number": (spelled(value='"21.5"'), ["type:value"]),
    "an empty string for a number": (spelled(value='""'), ["type:value"]),
    "a string for an optional number": (spelled(signal_strength='"-60"'), ["type:signal_strength"]),
    "an array for a number": (spelled(value="[21.5]"), ["type:value"]),
    "an object for a number": (spelled(value="{}"), ["type:value"]),
    "1.5 for an integer": (spelled(schema_version="1.5"), ["type:schema_version"]),
    "0.1 for an integer": (spelled(schema_version="1e-1"), ["type:schema_version"]),
    "true for an integer": (spelled(schema_version="true"), ["type:schema_version"]),
    "a string for an integer": (spelled(schema_version='"1"'), ["type:schema_version"]),
    "a number for message_id": (spelled(message_id="1"), ["type:message_id"]),
    "a number for sensor_id": (spelled(sensor_id="1"), ["type:sensor_id"]),
    "an object for sensor_type": (spelled(sensor_type='{"a":1}'), ["type:sensor_type"]),
    "an array for sensor_type": (spelled(sensor_type='["temperature"]'), ["type:sensor_type"]),
    "a number for generated_at": (spelled(generated_at="1790000000"), ["type:generated_at"]),
    "a number for unit": (spelled(unit="1e400"), ["type:unit"]),
    "true for location": (spelled(location="true"), ["type:location"]),
    # versions and types of sensors
    "version 2": (spelled(schema_version="2"), ["unknown_version:schema_version"]),
    "version 2.0": (spelled(schema_version="2.0"), ["unknown_version:schema_version"]),
    "version 0": (spelled(schema_version="0"), ["unknown_version:schema_version"]),
    "version -1": (spelled(schema_version="-1"), ["unknown_version:schema_version"]),
    "version 2**70": (spelled(schema_version=str(2**70)), ["unknown_version:schema_version"]),
    "version 10**400": (spelled(schema_version=BIG), ["unknown_version:schema_version"]),
    "sensor_type unknown": (spelled(sensor_type='"gravity"'), ["unknown_sensor_type:sensor_type"]),
    "sensor_type empty": (spelled(sensor_type='""'), ["unknown_sensor_type:sensor_type"]),
    "sensor_type in upper case": (spelled(sensor_type='"Temperature"'), ["unknown_sensor_type:sensor_type"]),
    "sensor_type with a space": (spelled(sensor_type='"temperature "'), ["unknown_sensor_type:sensor_type"]),
    "sensor_type with NUL": (spelled(sensor_type=r'"temperature\u0000"'), ["unknown_sensor_type:sensor_type"]),
    # units
    "unit of another type": (spelled(unit='"%RH"'), ["unit:unit"]),
    "unit in lower case": (spelled(unit='"cel"'), ["unit:unit"]),
    "unit empty": (spelled(unit='""'), ["unit:unit"]),
    # lengths
    "location empty": (spelled(location='""'), ["format:location"]),
    "location of 257 characters": (encoded(location="x" * 257), ["format:location"]),
    "location of 257 characters beyond the BMP": (encoded(location="\U0001f600" * 257), ["format:location"]),
    # nulls
    **{
        f"{name} null": (spelled(**{name: "null"}), [f"null_critical:{name}"])
        for name in ("message_id", "sensor_id", "sensor_type", "generated_at", "value")
    },
    **{
        f"{name} missing": (json.dumps(without(name)).encode(), [f"null_critical:{name}"])
        for name in ("message_id", "sensor_id", "sensor_type", "generated_at", "value")
    },
    "an empty object": (
        b"{}", [f"null_critical:{name}" for name in ("message_id", "sensor_id", "sensor_type", "generated_at", "value")]
    ),
    "a key in upper case": (SOUND_BYTES.replace(b'"value"', b'"Value"'), ["null_critical:value"]),
    "a key with a space": (SOUND_BYTES.replace(b'"value"', b'"value "'), ["null_critical:value"]),
    "a key with NUL": (SOUND_BYTES.replace(b'"value"', rb'"value\u0000"'), ["null_critical:value"]),
    # freshness
    "older by a microsecond": (
        encoded(generated_at=wire_time(ACCEPTED_AT - timedelta(hours=24, microseconds=1))), ["too_old:generated_at"]
    ),
    "the year 1": (encoded(generated_at="0001-01-01T00:00:00Z"), ["too_old:generated_at"]),
    "ahead by a microsecond": (
        encoded(generated_at=wire_time(ACCEPTED_AT + timedelta(minutes=5, microseconds=1))),
        ["from_future:generated_at"],
    ),
    "the year 9999": (encoded(generated_at="9999-12-31T23:59:59.999999Z"), ["from_future:generated_at"]),
    # several
    "three mistakes": (
        spelled(value="1000", unit='"K"', battery_level="101"), ["range:value", "range:battery_level", "unit:unit"]
    ),
    "one of each layer": (
        spelled(message_id="null", location="1", generated_at='"1999-01-01T00:00:00Z"', value="-41", unit='"K"'),
        ["null_critical:message_id", "type:location", "range:value", "unit:unit", "too_old:generated_at"],
    ),
}  # fmt: skip

DAY, SECOND = GENERATED_AT[:10], GENERATED_AT[:19]

NOT_A_MOMENT = [
    SECOND + "+00:00",
    SECOND + "-00:00",
    SECOND + "+01:00",
    SECOND + "+0000",
    SECOND,
    SECOND + ".5",
    SECOND + "ZZ",
    SECOND + " Z",
    SECOND + "Z\n",
    SECOND + "Z\0",
    " " + SECOND + "Z",
    SECOND + "z",
    GENERATED_AT.lower(),
    GENERATED_AT.replace("T", "t"),
    GENERATED_AT.replace("T", " "),
    GENERATED_AT.replace("T", "_"),
    SECOND + ".Z",
    SECOND + ".1234567Z",
    SECOND + ".123456789Z",
    SECOND + ",5Z",
    SECOND + ".-5Z",
    SECOND + ".\N{ARABIC-INDIC DIGIT FIVE}Z",
    GENERATED_AT[:16] + "Z",
    GENERATED_AT[:13] + "Z",
    DAY,
    DAY + "Z",
    DAY.replace("-", "") + GENERATED_AT[10:],
    GENERATED_AT.replace(":", ""),
    "2026-W38-1T00:00:00Z",
    "2026-264T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-09-21T23:59:60.5Z",
    GENERATED_AT[:17] + "60Z",
    GENERATED_AT[:17] + "61Z",
    GENERATED_AT[:14] + "60:00Z",
    DAY + "T24:00:00Z",
    DAY + "T25:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-09-00T00:00:00Z",
    "2026-09-32T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0000-12-31T23:59:59.999999Z",
    "-2026-09-21T00:00:00Z",
    "+2026-09-21T00:00:00Z",
    "12026-09-21T00:00:00Z",
    "026-09-21T00:00:00Z",
    "\N{FULLWIDTH DIGIT TWO}026-09-21T00:00:00Z",
    "1790000000",
    "now",
    "",
]

NOT_A_UUID = [
    SOUND["message_id"].upper(),
    SOUND["message_id"].replace("-", ""),
    "{" + SOUND["message_id"] + "}",
    "urn:uuid:" + SOUND["message_id"],
    SOUND["message_id"] + "\n",
    SOUND["message_id"] + "\0",
    " " + SOUND["message_id"],
    SOUND["message_id"][:-1],
    SOUND["message_id"][:-1] + "g",
    SOUND["message_id"][:-1] + "٣",
    "0189f7eaa-e2c-4abc-8def-0123456789ab",
    "",
]

NOT_A_SENSOR_ID = [
    "",
    "x" * 129,
    "a b",
    "a/b",
    "a\nb",
    "a\n",
    "\na",
    "\n",
    "a\0",
    "\0",
    "\x1f",
    "a\x7f",
    "é",
    "\N{FULLWIDTH LATIN SMALL LETTER A}",
    "\u2028",
]
