"""Records that are valid as they are, or once a null is filled, however odd they look."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.contract.records import (
    ACCEPTED_AT,
    GENERATED_AT,
    MAX_BYTES,
    SOUND,
    SOUND_BYTES,
    encoded,
    nested,
    spelled,
    wire_time,
    without,
)

SECOND = GENERATED_AT[:19]

ACCEPTED = {
    "as it is": SOUND_BYTES,
    "without what is optional": json.dumps(without("location", "battery_level", "signal_strength")).encode(),
    "nulls where they are kept": encoded(location=None, battery_level=None, signal_strength=None),
    "embedded newlines": json.dumps(dict(SOUND), indent=2).encode(),
    "carriage returns": json.dumps(dict(SOUND), indent=2).replace("\n", "\r\n").encode(),
    "white space around": b" \t\r\n" + SOUND_BYTES + b"\n\n",
    "no white space": json.dumps(dict(SOUND), separators=(",", ":")).encode(),
    "keys the other way round": json.dumps(dict(reversed(list(SOUND.items())))).encode(),
    "sensor_type last": json.dumps({**without("sensor_type"), "sensor_type": "temperature"}).encode(),
    "escaped letters": spelled(location=r'"\u0068\u0061ll\/1"'),
    "escaped letters in what is checked": spelled(unit=r'"\u0043el"', sensor_id=r'"sensor\u002D1"'),
    "an escaped key": SOUND_BYTES.replace(b'"value"', rb'"v\u0061lue"'),
    "any UTF-8": encoded(location="Köln, 北京, \U0001f600, \u202e, \ufeff, \ufffe, \U0010ffff"),
    "a pair of surrogates, escaped": spelled(location=r'"\ud83d\ude00"'),
    "an escaped backslash before what looks like a surrogate": spelled(location=r'"\\ud800"'),
    "DEL, raw": encoded(location="\x7f"),
    "line separators, raw": encoded(location="\u2028\u2029"),
    "NUL, escaped": spelled(location=r'"\u0000"'),
    "control characters, escaped": spelled(location=r'"\u0001\b\f\n\r\t\u001f"'),
    "NUL in an unknown field and key": spelled(r'"a\u0000":"\u0000"'),
    "256 characters": encoded(location="x" * 256),
    "256 characters beyond the BMP": encoded(location="\U0001f600" * 256),
    "unknown fields": spelled('"x":{"a":[1,null,true,"b"]}', '"":0', '"Value":1e400', f'"big":{"9" * 5_000}'),
    "brackets in strings": spelled('"x":"' + "[{" * 1_000 + '"'),
    "64 levels": spelled(f'"x":{nested(63)}'),
    "64 levels of objects": spelled('"x":' + '{"a":' * 62 + "{}" + "}" * 62),
    "100 levels beside one another": spelled('"x":[' + ",".join(["[]"] * 100) + "]"),
    "1.0 for an integer": spelled(schema_version="1.0"),
    "1e0 for an integer": spelled(schema_version="1e0"),
    "10E-1 for an integer": spelled(schema_version="10E-1"),
    "an integer for a number": spelled(value="21"),
    "-0": spelled(value="-0", battery_level="-0", signal_strength="-0"),
    "-0.0": spelled(value="-0.0", battery_level="-0.0", signal_strength="-0.0"),
    "exponents": spelled(value="2.15e+1", battery_level="8E1", signal_strength="-6000e-2"),
    "1e-400": spelled(value="1e-400"),
    "many digits": spelled(value="21." + "5" * 1_000),
    "zero of any size": spelled(value="0e400"),
    "the least value": spelled(value="-40", battery_level="0", signal_strength="-150"),
    "the greatest value": spelled(value="85.0", battery_level="100.0", signal_strength="0"),
    "a number that rounds to the bound": spelled(value="85.000000000000000000001"),
    "whole seconds": encoded(generated_at=SECOND + "Z"),
    "one digit of a second": encoded(generated_at=SECOND + ".5Z"),
    "as old as may be": encoded(generated_at=wire_time(ACCEPTED_AT - timedelta(hours=24))),
    "as far ahead as may be": encoded(generated_at=wire_time(ACCEPTED_AT + timedelta(minutes=5))),
    "as large as may be": SOUND_BYTES.ljust(MAX_BYTES),
}  # fmt: skip

REPAIRED = {
    "unit missing": (
        json.dumps(without("unit")).encode(),
        json.dumps(without("unit")).encode()[:-1] + b',"unit":"Cel"}',
        ("unit",),
    ),
    "unit null": (spelled(unit="null"), spelled(unit='"Cel"'), ("unit",)),
    "schema_version missing": (
        json.dumps(without("schema_version")).encode(),
        json.dumps(without("schema_version")).encode()[:-1] + b',"schema_version":1}',
        ("schema_version",),
    ),
    "schema_version null": (spelled(schema_version="null"), spelled(schema_version="1"), ("schema_version",)),
    "both missing": (
        json.dumps(without("unit", "schema_version")).encode(),
        json.dumps(without("unit", "schema_version")).encode()[:-1] + b',"unit":"Cel","schema_version":1}',
        ("unit", "schema_version"),
    ),
    "one null, one missing, white space kept": (
        b"\n" + json.dumps(without("schema_version", unit=None)).encode()[:-1] + b"\n}\n",
        b"\n" + json.dumps(without("schema_version", unit="Cel")).encode()[:-1] + b'\n,"schema_version":1}\n',
        ("unit", "schema_version"),
    ),
    "null under an escaped key": (
        SOUND_BYTES.replace(b'"unit": "Cel"', rb'"un\u0069t":  null '),
        SOUND_BYTES.replace(b'"unit": "Cel"', rb'"un\u0069t":  "Cel" '),
        ("unit",),
    ),
    "the null of an unknown field is not meant": (
        json.dumps(without("unit", x={"unit": None}, y=None)).encode(),
        json.dumps(without("unit", x={"unit": None}, y=None)).encode()[:-1] + b',"unit":"Cel"}',
        ("unit",),
    ),
    "beside an integer of 5,000 digits": (
        spelled(f'"big":{"9" * 5_000}', unit="null"),
        spelled(f'"big":{"9" * 5_000}', unit='"Cel"'),
        ("unit",),
    ),
    "beside 1e400": (spelled('"big":1e400', unit="null"), spelled('"big":1e400', unit='"Cel"'), ("unit",)),
}  # fmt: skip
