"""The validator on a real broker: every raw record ends in one place, once, whatever happens in between."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract import dead_letter
from iot_platform.contract.reasons import Code
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.settings import Settings
from iot_platform.stream.validator import Validator
from tests.support.readings import document, encoded
from tests.support.topics import read_all, read_ledger, send

pytestmark = pytest.mark.kafka


def validate(settings: Settings, topology: Topology, slot: int = 0) -> Validator:
    validator = Validator(settings, topology.stream, slot, SystemClock())
    validator.run(Stop(), Limit(Bounds(until_caught_up=True, seconds=60), SystemClock()), lambda: None)
    return validator


def record(value: bytes | None, key: bytes | None = b"sensor-1", **more: object) -> dict[str, object]:
    return {"value": value, "key": key, **more}


def test_clean_records_keep_bytes_key_headers_time_stamp_and_partition(settings: Settings, topology: Topology) -> None:
    odd_spelling = b'  {"schema_version": 1 ,' + encoded()[1:].replace(b', "schema_version": 1', b"") + b"\n"
    send(settings, topology.raw, [record(odd_spelling, headers=[("trace", b"abc"), ("empty", None)])])
    validate(settings, topology)
    (kept,) = read_all(settings, topology.validated)
    assert [kept] == read_all(settings, topology.raw)
    assert kept.value == odd_spelling


def test_bad_records_go_to_the_dead_letters_with_all_that_is_needed_to_send_them_again(
    settings: Settings, topology: Topology
) -> None:
    bad = [
        record(None),
        record(b""),
        record(b"\xff\xfe{"),
        record(encoded(value=999, unit="K", battery_level=101)),
        record(encoded(), key=None),
    ]
    send(settings, topology.raw, [*bad, record(encoded())])
    validate(settings, topology)
    raw = {(kept.partition, kept.offset): kept for kept in read_all(settings, topology.raw)}
    dead = read_all(settings, topology.dead_letters)
    codes = []
    for kept in dead:
        provenance = dead_letter.from_headers(kept.headers)
        source = raw[(provenance.source_partition, provenance.source_offset)]
        assert (kept.key, kept.value, kept.timestamp_ms) == (source.key, source.value, source.timestamp_ms)
        assert (provenance.source_topic, provenance.attempts) == (topology.raw, 1)
        codes.append(tuple(reason.code for reason in provenance.reasons))
    assert Counter(codes) == Counter(
        [
            (Code.EMPTY,),
            (Code.EMPTY,),
            (Code.NOT_UTF8,),
            (Code.RANGE, Code.RANGE, Code.UNIT),
            (Code.KEY_MISMATCH,),
        ]
    )
    assert len(read_all(settings, topology.validated)) == 1


def test_a_missing_unit_is_filled_flagged_and_nothing_else_changed(settings: Settings, topology: Topology) -> None:
    without = document()
    del without["unit"]
    send(settings, topology.raw, [record(json.dumps(without).encode())])
    validator = validate(settings, topology)
    (kept,) = read_all(settings, topology.validated)
    assert json.loads(kept.value or b"") == {**without, "unit": "Cel"}
    assert dict(kept.headers) == {dead_letter.REPAIRED: b'["unit"]'}
    assert validator.totals.repaired == 1


def test_repeats_are_counted_and_conflicts_are_dead_within_a_batch_and_over_a_restart(
    settings: Settings, topology: Topology
) -> None:
    first = document()
    other = json.dumps({**first, "value": 22.5}).encode()
    same = json.dumps(first).encode()
    send(settings, topology.raw, [record(same), record(same), record(other)])
    validate(settings, topology)
    send(settings, topology.raw, [record(same), record(other)])
    again = validate(settings, topology)
    assert (again.totals.duplicates, again.totals.dead) == (1, 1)
    assert [kept.value for kept in read_all(settings, topology.validated)] == [same]
    assert [kept.value for kept in read_all(settings, topology.dead_letters)] == [other, other]
    entries = read_ledger(settings, topology.stream)
    assert sum((Counter(entry.duplicates_by_sensor) for entry in entries), Counter()) == {"sensor-1": 2}
    assert sum((Counter(entry.by_reason) for entry in entries), Counter()) == {"conflict": 2}


def test_redriven_records_count_their_attempts_and_keep_when_they_were_first_seen(
    settings: Settings, topology: Topology
) -> None:
    headers = [(dead_letter.ATTEMPTS, b"2"), (dead_letter.FIRST_SEEN, b"2026-01-02T03:04:05+00:00"), ("trace", b"x")]
    nonsense = [(dead_letter.ATTEMPTS, b"many"), (dead_letter.FIRST_SEEN, b"once")]
    send(settings, topology.raw, [record(b"bad", headers=headers), record(b"worse", headers=nonsense)])
    validate(settings, topology)
    first, second = read_all(settings, topology.dead_letters)
    provenance = dead_letter.from_headers(first.headers)
    assert (provenance.attempts, provenance.first_seen) == (3, "2026-01-02T03:04:05+00:00")
    assert ("trace", b"x") in first.headers
    assert dead_letter.from_headers(second.headers).attempts == 1


def test_the_largest_raw_record_fits_into_the_dead_letters(settings: Settings, topology: Topology) -> None:
    limit = settings.stream(topology.stream).max_message_bytes
    largest = b"x" * limit
    over = b"y" * (limit + 1)
    send(settings, topology.raw, [record(largest), record(over)])
    validate(settings, topology)
    dead = {
        kept.value: dead_letter.from_headers(kept.headers).reasons[0].code
        for kept in read_all(settings, topology.dead_letters)
    }
    assert dead == {largest: Code.NOT_JSON, over: Code.TOO_LARGE}
