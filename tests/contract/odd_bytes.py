"""Bytes that cannot be decoded, by the reason for it: each line of the interfaces' table in several spellings."""

from __future__ import annotations

import json

from iot_platform.contract.reasons import Code
from tests.contract.records import MAX_BYTES, SOUND_BYTES, encoded, nested, spelled, without

NOT_JSON = {
    "NaN": spelled(value="NaN"),
    "NaN in an unknown field": spelled('"x":[NaN]'),
    "-NaN": spelled(value="-NaN"),
    "nan": spelled(value="nan"),
    "Infinity": spelled(value="Infinity"),
    "-Infinity": spelled(value="-Infinity"),
    "+1": spelled(value="+1"),
    ".5": spelled(value=".5"),
    "5.": spelled(value="5."),
    "01": spelled(value="01"),
    "-": spelled(value="-"),
    "1e": spelled(value="1e"),
    "0x10": spelled(value="0x10"),
    "1_000": spelled(value="1_0"),
    "Arabic digits": spelled(value="٢١"),
    "True": spelled('"x":True'),
    "undefined": spelled('"x":undefined'),
    "trailing comma in the object": SOUND_BYTES[:-1] + b",}",
    "trailing comma in an array": spelled('"x":[1,]'),
    "leading comma": b"{," + SOUND_BYTES[1:],
    "two commas": SOUND_BYTES.replace(b", ", b",, ", 1),
    "no comma": SOUND_BYTES.replace(b", ", b" ", 1),
    "no colon": SOUND_BYTES.replace(b": ", b" ", 1),
    "line comment": SOUND_BYTES + b" // read at dawn",
    "block comment": b"/* first */" + SOUND_BYTES,
    "hash comment": SOUND_BYTES + b"\n# end",
    "single quotes": SOUND_BYTES.replace(b'"', b"'"),
    "key without quotes": SOUND_BYTES.replace(b'"value"', b"value"),
    "two documents": SOUND_BYTES + SOUND_BYTES,
    "two documents on two lines": SOUND_BYTES + b"\n" + SOUND_BYTES,
    "trailing bytes": SOUND_BYTES + b"x",
    "trailing bracket": SOUND_BYTES + b"}",
    "trailing NUL": SOUND_BYTES + b"\0",
    "leading NUL": b"\0" + SOUND_BYTES,
    "white space only": b" \n\t\r",
    "truncated": SOUND_BYTES[:-1],
    "truncated in a string": SOUND_BYTES[:20],
    "a quote only": b'"',
    "no-break space between": SOUND_BYTES.replace(b": ", ":\u00a0".encode(), 1),
    "form feed between": SOUND_BYTES.replace(b": ", b":\f", 1),
    "vertical tab between": SOUND_BYTES.replace(b": ", b":\v", 1),
    "BOM": b"\xef\xbb\xbf" + SOUND_BYTES,
    "BOM at the end": SOUND_BYTES + b"\xef\xbb\xbf",
    "UTF-16 LE without BOM": SOUND_BYTES.decode().encode("utf-16-le"),
    "UTF-16 BE without BOM": SOUND_BYTES.decode().encode("utf-16-be"),
    "UTF-32 LE without BOM": SOUND_BYTES.decode().encode("utf-32-le"),
    "raw newline in a string": encoded(location="a\nb").replace(b"\\n", b"\n"),
    "raw tab in a string": encoded(location="a\tb").replace(b"\\t", b"\t"),
    "raw NUL in a string": encoded(location="a\0b").replace(b"\\u0000", b"\0"),
    "raw unit separator in a string": encoded(location="a\x1fb").replace(b"\\u001f", b"\x1f"),
    "raw control character in a key": spelled('"a\x01b":1'),
    "escape that is none": spelled(location=r'"\x41"'),
    "escape of a quote only": spelled(location=r'"\'"'),
    "short unicode escape": spelled(location=r'"\u41"'),
    "unicode escape with a space": spelled(location=r'"\u 041"'),
    "lone high surrogate, escaped": spelled(location=r'"\ud800"'),
    "lone high surrogate, upper case": spelled(location=r'"\uD8AB."'),
    "lone low surrogate, escaped": spelled(location=r'"\udfff"'),
    "surrogates in the wrong order": spelled(location=r'"\ude00\ud83d"'),
    "two high surrogates": spelled(location=r'"\ud83d\ud83d\ude00"'),
    "a high surrogate and an escaped backslash": spelled(location=r'"\ud83d\\ude00"'),
    "lone surrogate in a key": spelled(r'"\udc00":1'),
    "lone surrogate deep in an unknown field": spelled(r'"x":[[{"a":["\ud800"]}]]'),
    "lone surrogate in a value that a second key hides": spelled(r'"x":"\ud800","x":1'),
    "lone surrogate in a key that stands twice": spelled(r'"x":{"\ud800":1,"\ud800":2},"x":3'),
    "lone surrogate as the whole document": rb'"\ud800"',
}  # fmt: skip

NOT_UTF8 = {
    "lone surrogate, raw": SOUND_BYTES.replace(b"hall-1", b"\xed\xa0\x80"),
    "a pair of surrogates, raw (CESU-8)": SOUND_BYTES.replace(b"hall-1", b"\xed\xa0\xbd\xed\xb8\x80"),
    "Latin-1": encoded(location="Köln").decode().encode("latin-1"),
    "overlong NUL": SOUND_BYTES.replace(b"hall-1", b"\xc0\x80"),
    "overlong slash": SOUND_BYTES.replace(b"hall-1", b"\xe0\x80\xaf"),
    "beyond Unicode": SOUND_BYTES.replace(b"hall-1", b"\xf4\x90\x80\x80"),
    "truncated character": SOUND_BYTES.replace(b"hall-1", b"\xf0\x9f\x98"),
    "continuation byte alone": SOUND_BYTES.replace(b"hall-1", b"\x80"),
    "in a key": SOUND_BYTES[:-1] + b',"\xff":1}',
    "in a known key": SOUND_BYTES.replace(b'"unit"', b'"unit\xff"'),
    "behind the document": SOUND_BYTES + b"\xff",
    "UTF-16 with BOM": SOUND_BYTES.decode().encode("utf-16"),
    "UTF-16 BE with BOM": b"\xfe\xff" + SOUND_BYTES.decode().encode("utf-16-be"),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(20),
    "random bytes": bytes(range(256)),
}

DUPLICATE_KEYS = {
    "value": spelled('"value":22'),
    "value, the same": spelled('"value":21.5'),
    "sensor_type": spelled('"sensor_type":"temperature"'),
    "sensor_type, first another": b'{"sensor_type":"humidity",' + spelled()[1:],
    "message_id": spelled('"message_id":"0189f7ea-ae2c-4abc-8def-0123456789ab"'),
    "location": spelled('"location":null'),
    "battery_level": spelled('"battery_level":80.0'),
    "schema_version": spelled('"schema_version":1'),
    "unit, the first null": b'{"unit":null,' + spelled()[1:],
    "by escaped spelling": spelled(r'"v\u0061lue":22'),
    "both escaped, differently": json.dumps(without("value")).encode()[:-1] + rb',"\u0076alue":1,"v\u0061lue":2}',
    "an unknown key": spelled('"x":1', '"x":1'),
    "the empty key": spelled('"":1', '"":1'),
    "in an unknown field": spelled('"x":{"a":1,"b":2,"a":3}'),
    "in an object in an array": spelled('"x":[[{"a":1,"a":1}]]'),
    "60 levels deep": spelled('"x":' + "[" * 60 + '{"a":1,"a":1}' + "]" * 60),
    "hidden by another": spelled('"x":{"a":1,"a":1}', '"x":{"a":1}'),
    "in an array as the document": b'[{"a":1,"a":1}]',
    "a slash and its escape": spelled(r'"a/b":1', r'"a\/b":1'),
    "an emoji and its escapes": spelled(r'"\ud83d\ude00":1', '"\U0001f600":1'),
}

TOO_DEEP = {
    "65 levels with the record": spelled(f'"x":{nested(64)}'),
    "65 levels of objects": spelled('"x":' + '{"a":' * 63 + "{}" + "}" * 63 + "").replace(
        b"{}", b"{\"a\":{}}", 1
    ),
    "65 levels beside strings with brackets": spelled('"y":"]]]]]]]]"', f'"x":{nested(64)}'),
    "65 levels after an escaped quote": spelled(r'"y":"\"]]]\\"', f'"x":{nested(64)}'),
    "100,000 arrays": spelled(f'"x":{nested(100_000)}'),
    "100,000 objects": spelled('"x":' + '{"a":' * 100_000 + "1" + "}" * 100_000),
    "100,000 arrays as the document": nested(100_000).encode(),
    "100,000 arrays never closed": b"[" * 100_000,
    "100,000 objects never closed": b'{"a":' * 100_000,
    "a known field": spelled(value=nested(100_000)),
    "arrays and objects in turn": spelled('"x":' + '[{"a":' * 50_000 + "1" + "}]" * 50_000),
}  # fmt: skip

NOT_OBJECT = {
    "null": b"null",
    "true": b"true",
    "number": b"1.5",
    "number beyond a double": b"1e400",
    "string": b'"reading"',
    "array": b"[]",
    "array of readings": b"[" + SOUND_BYTES + b"]",
    "with white space": b" [ ] ",
    "64 levels": nested(64).encode(),
}

EMPTY = {"a tombstone": None, "zero bytes": b""}

TOO_LARGE = {
    "one byte": SOUND_BYTES.ljust(MAX_BYTES + 1),
    "also where it is not JSON": b"x" * (MAX_BYTES + 1),
    "also where it is not UTF-8": b"\xff" * (MAX_BYTES + 1),
}

DECODING = [
    (code, name, value)
    for code, records in (
        (Code.EMPTY, EMPTY),
        (Code.TOO_LARGE, TOO_LARGE),
        (Code.NOT_UTF8, NOT_UTF8),
        (Code.NOT_JSON, NOT_JSON),
        (Code.DUPLICATE_KEY, DUPLICATE_KEYS),
        (Code.TOO_DEEP, TOO_DEEP),
        (Code.NOT_OBJECT, NOT_OBJECT),
    )
    for name, value in records.items()
]
