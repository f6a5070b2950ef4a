"""F29 to F31: hostile bytes, records that fail on their way out, and what no client of ours would write (V5).

Each ends in one place, and stops nobody on the way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract import dead_letter
from iot_platform.contract.reasons import Code
from iot_platform.contract.topology import Topology
from iot_platform.faultpoints import arm
from iot_platform.lifecycle import Bounds, Heartbeat, Limit, Stop
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.loader import run_loader
from iot_platform.settings import Settings, StreamSettings
from iot_platform.stream.clients import Clients
from iot_platform.stream.validator import Validator
from iot_platform.workbench.letters import Asked, newest_letters
from tests.contract.odd_bytes import DECODING
from tests.contract.odd_fields import REFUSED
from tests.contract.records import ACCEPTED_AT_MS, KEY
from tests.faults.conftest import Case as FaultCase
from tests.faults.conftest import MakeScene
from tests.support.by_hand import HandMade, send_by_hand
from tests.support.given import Given, many, noise, reading
from tests.support.given import sound as sound_of
from tests.support.limits import set_topic
from tests.support.readings import document, encoded
from tests.support.topics import Kept, read_all

pytestmark = pytest.mark.kafka

MAX_BYTES = 20_000
_HEADERS = tuple[tuple[bytes, bytes | None], ...]


def _forged(**values: bytes | None) -> _HEADERS:
    return tuple((f"iot.{name}".encode(), value) for name, value in values.items())


@dataclass(frozen=True)
class Odd:
    """`codes`: why it is dead; none when it is valid. `headers`: those that are kept, by default all."""

    make: Callable[[], HandMade]
    codes: tuple[Code, ...] = ()
    headers: _HEADERS | None = None


def sound(headers: _HEADERS = (), more: dict[str, object] | None = None) -> Callable[[], HandMade]:
    return lambda: HandMade(encoded(**(more or {})), headers=headers)


def bad(headers: _HEADERS = (), key: bytes | None = b"sensor-1", value: bytes | None = b"{") -> Callable[[], HandMade]:
    return lambda: HandMade(value, key, headers)


def keyed(key: bytes | None) -> Callable[[], HandMade]:
    return lambda: HandMade(encoded(), key)


_THOUSAND = tuple((f"h{number}".encode(), b"x" * 20) for number in range(1_000))
_NOT_UTF8 = ((b"fine", b"1"), (b"\xff\xfe", b"2"), (b"z", None))
_BROKEN = _forged(
    reasons=b"\xff", rule_version=None, source=b"/", first_seen=b"0001-01-01T00:00:00+23:59", attempts=b""
)
_LYING = _forged(attempts=b"99999", first_seen=b"9999-12-31T23:59:59-23:59", reasons=b"[]", more=b"x")

CASES = {
    "headers without a value": Odd(sound(((b"null", None), (b"empty", b"")))),
    "headers without a name": Odd(sound(((b"", b"1"), (b"", None)))),
    "a header that stands twice": Odd(sound(((b"a", b"1"), (b"a", b"2")))),
    "a name of blanks and line ends": Odd(sound(((b" \r\n\t", b"\x00"),))),
    "a thousand headers": Odd(sound(_THOUSAND)),
    "a thousand headers, dead": Odd(bad(_THOUSAND), (Code.NOT_JSON,)),
    "a long name": Odd(sound(((b"n" * 10_000, b"1"),))),
    "a header's name is not UTF-8": Odd(sound(_NOT_UTF8), (Code.UNPROCESSABLE,), ()),
    "a header's name is not UTF-8, dead": Odd(bad(_NOT_UTF8), (Code.NOT_JSON, Code.UNPROCESSABLE), ()),
    "a header's name is not UTF-8, a tombstone": Odd(
        bad(_NOT_UTF8, None, None), (Code.EMPTY, Code.UNPROCESSABLE), ()
    ),
    "says it was repaired": Odd(sound(_forged(repaired=b"[")), (), ()),
    "says it was repaired, dead": Odd(bad(_forged(repaired=b"[")), (Code.NOT_JSON,)),
    "claims a dead letter's headers": Odd(sound(_BROKEN)),
    "claims a dead letter's headers, dead": Odd(bad(_BROKEN), (Code.NOT_JSON,), ()),
    "claims the last moment there is": Odd(bad(_LYING), (Code.NOT_JSON,), _forged(more=b"x")),
    "null key": Odd(keyed(None), (Code.KEY_MISMATCH,)),
    "empty key": Odd(keyed(b""), (Code.KEY_MISMATCH,)),
    "key not UTF-8": Odd(keyed(b"\xff\xfe"), (Code.KEY_MISMATCH,)),
    "key with NUL": Odd(keyed(b"sensor-1\x00"), (Code.KEY_MISMATCH,)),
    "key of 10 kB": Odd(keyed(b"k" * 10_000), (Code.KEY_MISMATCH,)),
    "key with a line end": Odd(keyed(b"sensor-1\n"), (Code.KEY_MISMATCH,)),
    "tombstone": Odd(bad(value=None), (Code.EMPTY,)),
    "tombstone without a key": Odd(bad(key=None, value=None), (Code.EMPTY,)),
    "zero bytes": Odd(bad(key=b"", value=b""), (Code.EMPTY,)),
    "a sensor's name of NUL": Odd(sound(more={"sensor_id": "\0"}), (Code.FORMAT, Code.KEY_MISMATCH)),
    "a sensor type of NUL and odd characters": Odd(
        sound(more={"sensor_type": "\0\u2028\U0010ffff\"'"}), (Code.UNKNOWN_SENSOR_TYPE,)
    ),
    "an extra field of NUL": Odd(sound(more={"more\0": "\0\u2028"})),
}  # fmt: skip

TIMES_MS = (-1, 0, 1, -(2**40), -(2**52), -(2**62))


@pytest.fixture
def settings(settings: Settings, stream_name: str) -> Settings:
    options = StreamSettings(partitions=1, max_message_bytes=MAX_BYTES, max_age_seconds=None, max_ahead_seconds=None)
    return settings.model_copy(update={"streams": {stream_name: options}})


def validate(settings: Settings, topology: Topology) -> Validator:
    validator = Validator(settings, topology.stream, 0, SystemClock())
    validator.run(Stop(), Limit(Bounds(until_caught_up=True, seconds=60), SystemClock()), lambda: None)
    return validator


def load(settings: Settings) -> None:
    clock = SystemClock()
    beat = Heartbeat(settings.heartbeat_dir / "loader.json", clock)
    run_loader(settings, clock=clock, stop=Stop(), bounds=Bounds(until_caught_up=True, seconds=60), heartbeat=beat)


def assert_all_is_accounted(settings: Settings, topology: Topology, raw: int) -> None:
    """Loaded and audited, and the dead letters can be listed."""
    load(settings)
    report = audit(settings, topology.stream, SystemClock()).as_document()
    assert (report["raw"], report["unaccounted"], report["findings"]) == (raw, 0, [])
    listed = newest_letters(settings, Asked(topology.stream), 1_000)
    assert len(listed) == report["dead"]
    assert all(json.dumps(letter.as_document(whole=True)) for letter in listed)


def by_source(dead: list[Kept]) -> dict[int, Kept]:
    return {dead_letter.from_headers(kept.headers).source_offset: kept for kept in dead}


def codes_of(kept: Kept) -> tuple[Code, ...]:
    return tuple(reason.code for reason in dead_letter.from_headers(kept.headers).reasons)


def test_f29_hostile_bytes_of_every_kind_are_dead_and_harm_no_neighbour(make_scene: MakeScene, case: FaultCase) -> None:
    scene = make_scene()
    most = scene.settings.stream(scene.stream).max_message_bytes
    hostile = [value for _, _, value in DECODING] + [value for value, _ in REFUSED.values()]
    given = [reading(value, KEY, "dead", ACCEPTED_AT_MS) for value in hostile if len(value or b"") <= most]
    neighbours = many(len(given))
    scene.give(Given([one for pair in zip(given, neighbours, strict=True) for one in pair]))
    validator = scene.validate()
    assert (validator.totals.sessions, validator.totals.aborts) == (1, 0)
    case.holds(scene)


def test_f30_what_makes_its_batch_fail_again_and_again_is_dead_and_harms_no_neighbour(
    make_scene: MakeScene, case: FaultCase
) -> None:
    """The rules fail on two readings, and Kafka refuses a third."""
    scene = make_scene()
    set_topic(scene.settings, scene.topology.validated, "max.message.bytes", "60000")
    poison = [sound_of("poison", "dead"), sound_of("poison", "dead"), sound_of("large", "dead", noise=noise(200_000))]
    scene.give(Given([*many(40), poison[0], *many(40), poison[1], *many(20), poison[2], *many(20)]))
    arm("validator.judge@poison:raise:*")
    try:
        validator = scene.validate()
    finally:
        arm("")
    assert validator.totals.aborts > 3
    assert validator.totals.by_reason == {Code.UNPROCESSABLE: 3}
    case.holds(scene)


def test_f31_odd_headers_keys_and_values_end_in_one_place_and_harm_no_neighbour(
    settings: Settings, topology: Topology, case: FaultCase
) -> None:
    sent: dict[int, tuple[str, HandMade]] = {}
    neighbours = []
    for name, odd in CASES.items():
        record = odd.make()
        sent[send_by_hand(settings.bootstrap_servers, topology.raw, 0, record)] = (name, record)
        neighbours.append(encoded())
        send_by_hand(settings.bootstrap_servers, topology.raw, 0, HandMade(neighbours[-1]))
    validator = validate(settings, topology)
    assert (validator.totals.sessions, validator.totals.aborts) == (1, 0)

    dead = by_source(read_all(settings, topology.dead_letters))
    valid = {kept.value: kept for kept in read_all(settings, topology.validated)}
    assert set(neighbours) <= valid.keys()
    for offset, (name, record) in sent.items():
        odd = CASES[name]
        kept = dead[offset] if odd.codes else valid[record.value]
        own = [header for header in kept.headers if not odd.codes or header[0] not in dead_letter.OWN_HEADERS]
        wanted = record.headers if odd.headers is None else odd.headers
        assert (kept.key, kept.value, kept.timestamp_ms) == (record.key, record.value, record.timestamp_ms), name
        assert [(header.encode(), value) for header, value in own] == [
            header for header in wanted if not odd.codes or header[0].decode() not in dead_letter.OWN_HEADERS
        ], name
        assert not odd.codes or codes_of(kept) == odd.codes, name
    assert len(dead) == sum(bool(odd.codes) for odd in CASES.values())
    assert_all_is_accounted(settings, topology, 2 * len(CASES))
    case.note()


def test_a_repeat_of_what_died_for_its_headers_is_not_a_duplicate(settings: Settings, topology: Topology) -> None:
    """It was never accepted: so the next one with the same id, in the same batch, is."""
    value = json.dumps(document()).encode()
    for headers in (_NOT_UTF8, (), (), _NOT_UTF8):
        send_by_hand(settings.bootstrap_servers, topology.raw, 0, HandMade(value, headers=headers))
    totals = validate(settings, topology).totals
    assert (totals.valid, totals.duplicates, totals.dead) == (1, 1, 2)


def test_any_time_stamp_is_carried_through(settings: Settings, topology: Topology) -> None:
    """Even none (-1); 0 is written as 1, for librdkafka takes 0 for "now"."""
    for number, at_ms in enumerate(TIMES_MS):
        value = encoded(sensor_id="sensor-1") if number % 2 else b"{"
        for record in (HandMade(value, timestamp_ms=at_ms), HandMade(b"{", timestamp_ms=at_ms)):
            send_by_hand(settings.bootstrap_servers, topology.raw, 0, record)
    validate(settings, topology)
    written = read_all(settings, topology.dead_letters) + read_all(settings, topology.validated)
    assert Counter(kept.timestamp_ms for kept in written) == Counter(at_ms or 1 for at_ms in TIMES_MS * 2)
    assert_all_is_accounted(settings, topology, 2 * len(TIMES_MS))


def test_what_grew_out_of_its_compression_beyond_every_limit_is_dead_and_told(
    settings: Settings, topology: Topology
) -> None:
    """Kafka compares the compressed size with a topic's limit: what a validator unpacks may be far larger."""
    blanks = b" " * 3_000_000
    wide = [("wide", b"x" * 3_000_000)]
    reading = encoded()
    records: list[dict[str, Any]] = [
        {"value": blanks, "key": b"sensor-1", "headers": [("trace", b"1")]},
        {"value": b"{", "key": b"k" * 3_000_000},
        {"value": reading, "key": b"sensor-1", "headers": wide},
        {"value": blanks, "key": b"k" * 3_000_000, "headers": wide},
        {"value": reading, "key": b"sensor-1"},
    ]
    producer = Clients(settings).producer({"message.max.bytes": 20_000_000, "compression.type": "zstd", "linger.ms": 0})
    for record in records:
        producer.produce(topology.raw, partition=0, **record)
        assert producer.flush(30) == 0
    validator = validate(settings, topology)
    assert (validator.totals.sessions, validator.totals.aborts) == (1, 0)

    dead = by_source(read_all(settings, topology.dead_letters))
    assert [codes_of(dead[offset]) for offset in sorted(dead)] == [
        (Code.TOO_LARGE, Code.OUTPUT_TOO_LARGE),
        (Code.NOT_JSON, Code.OUTPUT_TOO_LARGE),
        (Code.OUTPUT_TOO_LARGE,),
        (Code.TOO_LARGE, Code.OUTPUT_TOO_LARGE),
    ]
    assert (dead[0].key, dead[0].value, dict(dead[0].headers)["trace"]) == (b"sensor-1", None, b"1")
    assert (dead[1].key, dead[1].value) == (None, b"{")
    assert (dead[2].key, dead[2].value, dict(dead[2].headers).get("wide")) == (b"sensor-1", reading, None)
    assert (dead[3].key, dead[3].value, dict(dead[3].headers).get("wide")) == (None, None, None)
    assert "value (3000000 bytes, sha256 " in dead_letter.from_headers(dead[0].headers).reasons[-1].detail
    assert [kept.value for kept in read_all(settings, topology.validated)] == [reading]
    assert_all_is_accounted(settings, topology, len(records))
