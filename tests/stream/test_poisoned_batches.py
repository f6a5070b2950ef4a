"""F30 on a real broker: a record that makes its batch fail is a dead letter, and its neighbours are unharmed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from iot_platform.contract import dead_letter
from iot_platform.contract.reasons import Code
from iot_platform.contract.topology import Topology
from iot_platform.errors import IntegrityError
from iot_platform.faultpoints import arm
from iot_platform.settings import Settings
from tests.support.limits import set_topic
from tests.support.pipeline import validate
from tests.support.readings import document, encoded
from tests.support.topics import assert_ledger_is_whole, read_all, read_ledger, send

pytestmark = pytest.mark.kafka

SENSORS = 7
LIMIT_BYTES = 60_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """After each abort a consumer reads again, which the broker may let wait for half a second by default."""
    kafka = settings.kafka.model_copy(update={"properties": {"fetch.wait.max.ms": "10"}})
    return settings.model_copy(update={"kafka": kafka})


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def readings(count: int) -> list[dict[str, object]]:
    """Sound readings of a few sensors; `location` tells the order in which a sensor's were sent."""
    return [
        {
            "key": f"sensor-{number % SENSORS}".encode(),
            "value": encoded(sensor_id=f"sensor-{number % SENSORS}", location=f"hall-{number}"),
        }
        for number in range(count)
    ]


def too_large_for_the_topic(key: bytes) -> dict[str, object]:
    """A sound reading that no compression makes small."""
    noise = random.Random(1).randbytes(LIMIT_BYTES).hex()
    return {"key": key, "value": json.dumps({**document(sensor_id=key.decode()), "noise": noise}).encode()}


def assert_only_this_is_dead(
    settings: Settings, topology: Topology, sent: list[dict[str, object]], bad: list[dict[str, object]]
) -> str:
    """The rest is valid and in order; the detail of the last reason."""
    valid, dead = read_all(settings, topology.validated), read_all(settings, topology.dead_letters)
    for sensor in {item["key"] for item in sent}:
        mine = [item["value"] for item in sent if item["key"] == sensor and item not in bad]
        assert [kept.value for kept in valid if kept.key == sensor] == mine
    assert {(kept.key, kept.value) for kept in dead} == {(item["key"], item["value"]) for item in bad}
    assert len(dead) == len(bad)
    reasons = [reason for kept in dead for reason in dead_letter.from_headers(kept.headers).reasons]
    assert {reason.code for reason in reasons} == {Code.UNPROCESSABLE}
    assert_ledger_is_whole(read_ledger(settings, topology.stream), read_all(settings, topology.raw))
    return reasons[-1].detail


def test_f30_records_on_which_the_rules_fail_are_dead_with_the_error_and_all_others_valid(
    settings: Settings, topology: Topology
) -> None:
    sent = readings(90)
    bad = [{"key": b"poison", "value": encoded(sensor_id="poison")} for _ in range(2)]
    sent[30:30] = bad[:1]
    sent[60:60] = bad[1:]
    send(settings, topology.raw, sent)
    arm("validator.judge@poison:raise:*")
    validator = validate(settings, topology)
    assert "InjectedFaultError" in assert_only_this_is_dead(settings, topology, sent, bad)
    assert validator.totals.by_reason == {Code.UNPROCESSABLE: 2}
    assert validator.totals.sessions == 1


def test_f30_a_record_that_kafka_refuses_is_dead_and_the_batch_grows_again(
    settings: Settings, topology: Topology
) -> None:
    set_topic(settings, topology.validated, "max.message.bytes", str(LIMIT_BYTES))
    sent = readings(60)
    bad = [too_large_for_the_topic(b"sensor-2")]
    sent[30:30] = bad
    send(settings, topology.raw, sent)
    validator = validate(settings, topology)
    assert "MSG_SIZE_TOO_LARGE" in assert_only_this_is_dead(settings, topology, sent, bad)
    before = validator.totals.transactions
    send(settings, topology.raw, readings(140))
    again = validate(settings, topology)
    assert again.totals.aborts == 0
    assert again.totals.transactions < before


def test_f30_what_fits_neither_topic_stops_the_validator_with_words_and_is_dead_once_the_limit_is_raised(
    settings: Settings, topology: Topology
) -> None:
    for topic in (topology.validated, topology.dead_letters):
        set_topic(settings, topic, "max.message.bytes", str(LIMIT_BYTES))
    sent = [*readings(20), too_large_for_the_topic(b"sensor-2")]
    send(settings, topology.raw, sent)
    with pytest.raises(IntegrityError, match="neither as a validated record nor as a dead letter"):
        validate(settings, topology)
    assert read_all(settings, topology.dead_letters) == []
    set_topic(settings, topology.dead_letters, "max.message.bytes", "1100000")
    validate(settings, topology)
    assert_only_this_is_dead(settings, topology, sent, sent[-1:])
