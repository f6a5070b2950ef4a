"""Dead letters are sent again once each, as they were or patched, and each has one status, whatever breaks."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from iot_platform.clock import SystemClock, unix_millis
from iot_platform.contract.topology import Topology
from iot_platform.errors import AlreadyRunningError, KafkaUnavailableError
from iot_platform.faultpoints import InjectedFaultError, arm
from iot_platform.stream.redrive import RawTopic
from iot_platform.warehouse.workbench import Source
from iot_platform.workbench.letters import Asked
from iot_platform.workbench.redriving import working
from tests.support.readings import document, encoded
from tests.support.topics import assert_ledger_is_whole, read_all, read_ledger, send
from tests.workbench.bench import FIX_TYPE, FIX_UNIT, Bench

pytestmark = pytest.mark.kafka


def fahrenheit(**changes: object) -> bytes:
    return encoded(value=70.7, unit="degF", **changes)


def test_patched_ones_are_valid_once_and_say_what_they_were(bench: Bench) -> None:
    wrong = fahrenheit(sensor_id="sensor-7")
    bench.judged(encoded(), wrong, b"nonsense")
    result = bench.again(FIX_UNIT, "fahrenheit")
    assert (result.chosen, result.sent, result.left) == (1, 1, 0)
    assert bench.statuses() == {"in flight": 1, "untouched": 1}
    bench.judged()
    assert bench.statuses() == {"fixed": 1, "untouched": 1}
    (row,) = bench.rows("SELECT * FROM readings WHERE sensor_id = 'sensor-7'")
    assert (row["value"], row["unit"], str(row["message_id"])) == (21.5, "Cel", json.loads(wrong)["message_id"])
    (known,) = bench.rows("SELECT * FROM redriven WHERE outcome = 'valid'")
    assert json.loads(known["patched"]) == [
        {"patch": "fahrenheit", "fields": {"value": {"from": 70.7, "to": 21.5}, "unit": {"from": "degF", "to": "Cel"}}}
    ]
    assert (known["partition"], known["kafka_offset"]) == (row["partition"], row["kafka_offset"])
    assert bench.audited().sources["redrive"] == {"born": 1, "acknowledged": 1, "spooled": 0, "refused": 0}


def test_a_record_goes_back_as_it_was_and_its_attempts_are_counted(bench: Bench) -> None:
    settings, topology = bench.settings, bench.topology
    originals = [b"nonsense", b"\xff\xfe", b"", None]
    moment = unix_millis(SystemClock().now() - timedelta(days=2))
    records = [
        {"value": value, "key": b"k%d" % number, "headers": [("trace", b"\xff"), ("none", None)], "timestamp": moment}
        for number, value in enumerate(originals)
    ]
    send(settings, topology.raw, records)
    bench.judged()
    first = {letter.source: letter for letter in bench.letters()}
    assert bench.again(asked=bench.asked(), rate=2).sent == 4
    bench.judged()
    raw = read_all(settings, topology.raw)
    again = [record for record in raw if dict(record.headers).get("iot.redriven_from")]
    assert Counter(record.value for record in again) == Counter(originals)
    for record in again:
        place = dict(record.headers)["iot.redriven_from"]
        assert place is not None
        source = first[place.decode()]
        assert (record.key, record.value, record.timestamp_ms, record.partition) == (
            source.key, source.value, moment, source.source_partition,
        )  # fmt: skip
        assert record.headers[:2] == (("trace", b"\xff"), ("none", None))
    assert bench.statuses() == {"dead again": 4, "untouched": 4}
    assert sorted(letter.attempts for letter in bench.letters()) == [1] * 4 + [2] * 4
    for letter in bench.letters():
        if letter.status == "dead again":
            (successor,) = [one for one in bench.letters() if one.source == letter.place]
            assert successor.first_seen == letter.first_seen == first[letter.source].first_seen
    assert_ledger_is_whole(read_ledger(settings, topology.stream), raw)


def test_run_twice_it_sends_nothing_more(bench: Bench) -> None:
    bench.judged(fahrenheit(), encoded(value="21.5"), encoded(value="warm"))
    assert bench.again(FIX_UNIT).sent == 1
    assert bench.again(FIX_UNIT).chosen == 0, "it is in flight"
    first = bench.again(FIX_TYPE)
    assert (first.sent, first.unrecoverable, sum(first.why.values())) == (1, 1, 1)
    bench.judged()
    assert bench.again(FIX_UNIT).chosen == bench.again(FIX_TYPE).chosen == 0
    assert bench.statuses() == {"fixed": 2, "unrecoverable": 1}
    assert len(read_all(bench.settings, bench.topology.raw)) == 5
    assert len(bench.rows("FROM dlq_decisions")) == 3
    other = FIX_TYPE.replace('op = "cast"', 'op = "set"').replace('to = "number"', "value = 20")
    assert bench.again(other).sent == 1, "another patch may mend what the first could not"
    bench.judged()
    assert bench.statuses() == {"fixed": 3}
    bench.audited()


def test_a_patch_that_does_not_help_leaves_a_dead_letter_of_its_own(bench: Bench) -> None:
    bench.judged(fahrenheit(battery_level=900))
    bench.again(FIX_UNIT)
    bench.judged()
    old, new = bench.letters()
    assert (old.status, old.attempts, old.place) == ("dead again", 1, new.source)
    assert (new.status, new.attempts, new.codes) == ("untouched", 2, ["range"])
    charge = '[when]\nreason = "range"\n[[steps]]\nop = "set"\nfield = "battery_level"\nvalue = 90\n'
    bench.again(charge, "charge")
    bench.judged()
    assert bench.statuses() == {"dead again": 1, "fixed": 1}
    (known,) = bench.rows("SELECT patched FROM redriven WHERE outcome = 'valid'")
    told = json.loads(known["patched"])
    assert [one["patch"] for one in told] == ["patch", "charge"]
    assert told[0]["fields"]["value"]["from"] == 70.7, "what the sensor sent is never forgotten"


def test_what_was_accepted_meanwhile_is_a_duplicate(bench: Bench) -> None:
    reading = document(value=21.5, unit="Cel")
    wrong = json.dumps({**reading, "value": "21.5"}).encode()
    right = wrong.replace(b'"21.5"', b"21.5")
    bench.judged(wrong)
    validated_only = bench.again(FIX_TYPE)  # in flight before the sensor's own repeat, and judged after it
    assert validated_only.sent == 1
    bench.judged(right)
    assert bench.statuses() == {"fixed": 1}, "the sensor's own repeat was the duplicate"
    assert bench.audited().duplicates == 1


def test_a_reading_that_is_in_the_warehouse_is_not_sent_again(bench: Bench) -> None:
    reading = document(value=21.5)
    bench.judged(json.dumps({**reading, "value": "21.5"}).encode())
    bench.judged(json.dumps(reading).encode())
    result = bench.again(FIX_TYPE)
    assert (result.chosen, result.sent, result.duplicates) == (1, 0, 1)
    assert bench.statuses() == {"duplicate": 1}
    assert "redrive" not in bench.audited().sources


def test_deduplication_tells_of_a_duplicate_that_the_warehouse_did_not_know_of(bench: Bench) -> None:
    reading = document(value=21.5)
    wrong = json.dumps({**reading, "value": "21.5"}).encode()
    bench.judged(wrong, wrong)
    result = bench.again(FIX_TYPE)
    assert result.sent == 2, "the same record was dead twice"
    bench.judged()
    assert bench.statuses() == {"fixed": 1, "duplicate": 1}
    assert len(bench.rows("FROM readings")) == 1
    bench.audited()


def test_after_so_many_attempts_a_record_is_parked(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(
        update={"dlq": bench.settings.dlq.model_copy(update={"max_attempts": 3})}
    )
    bench.judged(b"nonsense")
    for _ in range(2):
        assert bench.again().sent == 1
        bench.judged()
    assert bench.statuses() == {"dead again": 2, "parked": 1}
    assert bench.again().chosen == 0
    (parked,) = [letter for letter in bench.letters() if letter.status == "parked"]
    assert (parked.attempts, parked.note) == (3, "dead after 3 attempts; dlq.max_attempts is 3")
    assert bench.again(parked=True).sent == 1
    bench.judged()
    assert bench.statuses() == {"dead again": 3, "parked": 1}


@pytest.mark.parametrize(
    "point", ["redrive.after_intent:raise", "redrive.during_send:raise:3", "redrive.after_send:raise"]
)
def test_a_run_that_broke_off_is_continued_and_nothing_is_sent_twice(bench: Bench, point: str) -> None:
    bench.judged(*(fahrenheit(sensor_id=f"sensor-{number}") for number in range(6)))
    arm(point)
    try:
        with pytest.raises(InjectedFaultError):
            bench.again(FIX_UNIT)
    finally:
        arm("")
    bench.load()
    assert bench.statuses() == {"in flight": 6}
    bench.audited()
    result = bench.again()
    assert (result.continued, result.chosen) == (6, 0)
    bench.judged()
    assert bench.statuses() == {"fixed": 6}
    assert len(read_all(bench.settings, bench.topology.raw)) == 12
    assert bench.audited().sources["redrive"]["acknowledged"] == 6
    (row,) = bench.rows("SELECT count(*) AS n, count(DISTINCT message_id) AS ids, min(value) AS value FROM readings")
    assert (row["n"], row["ids"], row["value"]) == (6, 6, 21.5)


def test_two_at_once_exclude_each_other(bench: Bench) -> None:
    bench.judged(fahrenheit())
    with working(bench.settings, bench.topology.stream), pytest.raises(AlreadyRunningError, match="dead letters"):
        bench.again(FIX_UNIT)
    assert bench.statuses() == {"untouched": 1}


def test_kafka_that_takes_only_a_part_is_told_and_the_rest_goes_with_the_next_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.judged(fahrenheit(sensor_id="a"), fahrenheit(sensor_id="b"))
    whole = RawTopic.send

    def half(self: RawTopic, records: list[object]) -> None:
        whole(self, records[:1])  # type: ignore[arg-type]
        raise KafkaUnavailableError("Kafka took 1 of 2 records.")

    with monkeypatch.context() as patched:
        patched.setattr(RawTopic, "send", half)
        with pytest.raises(KafkaUnavailableError):
            bench.again(FIX_UNIT)
    assert bench.again(FIX_UNIT).continued == 2
    bench.judged()
    assert bench.statuses() == {"fixed": 2}
    assert len(read_all(bench.settings, bench.topology.raw)) == 4


def test_what_headers_claim_in_vain_does_no_harm(bench: Bench) -> None:
    nonsense = [
        [("iot.redriven_from", b"x"), ("iot.redrive", b"1")],
        [("iot.redriven_from", b"raw/1/-5"), ("iot.redrive", b"\xff")],
        [("iot.redriven_from", b"raw/1/99999999999999999999999999"), ("iot.redrive", b"1"), ("iot.patched", b"{")],
        [("iot.redriven_from", f"{bench.topology.raw}/0/77".encode()), ("iot.redrive", b"nobody's")],
    ]
    records = [{"value": encoded(), "key": b"sensor-1", "headers": headers} for headers in nonsense]
    send(bench.settings, bench.topology.raw, records)
    bench.judged(b"nonsense")
    assert bench.statuses() == {"untouched": 1}
    assert bench.audited().valid == 4


def test_what_is_older_than_kafka_keeps_it_is_told_and_not_sent(bench: Bench) -> None:
    bench.judged(b"nonsense")
    retention = bench.settings.stream(bench.topology.stream).retention.model_copy(update={"validated_days": 1e-6})
    stream = bench.settings.stream(bench.topology.stream).model_copy(update={"retention": retention})
    bench.settings = bench.settings.model_copy(update={"streams": {bench.topology.stream: stream}})
    result = bench.again()
    assert (result.chosen, result.sent, result.too_old) == (1, 0, 1)
    assert "older than Kafka keeps" in result.sentence
    assert bench.statuses() == {"untouched": 1}


def test_only_what_is_asked_for_is_sent(bench: Bench) -> None:
    bench.judged(fahrenheit(sensor_id="a-1"), fahrenheit(sensor_id="a-2"), fahrenheit(sensor_id="b-1"), b"nonsense")
    patch = FIX_UNIT.replace("[[steps]]", 'sensor = "a-*"\n[[steps]]')
    assert bench.again(patch, most=1).sent == 1
    assert bench.again(patch).sent == 1
    (place,) = [letter.at for letter in bench.letters() if letter.sensor_id == "b-1"]
    asked = Asked(bench.topology.stream, sources=(place, Source(0, 10_000)))
    assert bench.again(asked=asked).sent == 1
    newest = max(letter.accepted_at for letter in bench.letters())
    assert bench.again(asked=bench.asked(since=newest + timedelta(seconds=1))).chosen == 0
    assert bench.statuses() == {"in flight": 3, "untouched": 1}
    assert Topology(bench.topology.stream).raw in bench.letters()[0].source
