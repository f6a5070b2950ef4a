"""The fast way never accepts what the exact way would not accept as it is; both ways give one verdict on any bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from iot_platform.contract import dead_letter
from iot_platform.contract.catalogue import Catalogue, load_catalogue
from iot_platform.contract.fast import FastPath
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from tests.contract.mutations import Record, any_record, damaged, written
from tests.contract.records import ACCEPTED_AT_MS, KEY, MAX_BYTES, SOUND, SOUND_BYTES, without
from tests.contract.strict_json import clean_message_id

_FRESHNESS = Freshness(86_400, 300)
_IOT = load_catalogue("iot_data")
_TEMPERATURE = {"temperature": _IOT.types["temperature"]}

CATALOGUES = {
    "iot_data": _IOT,
    "one type": Catalogue("one", _TEMPERATURE),
    "nulls dead": Catalogue("dead", _IOT.types, dict.fromkeys(_IOT.nulls, "dead")),
    "battery dead": Catalogue("battery", _IOT.types, {**_IOT.nulls, "battery_level": "dead"}),
}


class Ways:
    """Both ways for one catalogue."""

    def __init__(self, catalogue: Catalogue, freshness: Freshness = _FRESHNESS) -> None:
        self.catalogue, self.freshness = catalogue, freshness
        self.judge = Judge(catalogue, freshness, MAX_BYTES)
        self.fast = FastPath(catalogue, freshness)

    def accept(self, records: Sequence[Record]) -> list[str | None]:
        return self.fast.accept(*_columns(records), MAX_BYTES)

    def check(self, records: Sequence[Record]) -> int:
        """That both ways agree; the number of records that the fast way accepted."""
        exact = self.judge.judge_exactly(*_columns(records))
        assert self.judge.judge(*_columns(records)) == exact
        for reasons in exact.dead.values():
            dead_letter.encode_reasons(reasons)
        accepted = self.accept(records)
        for place, (record, message_id) in enumerate(zip(records, accepted, strict=True)):
            if message_id is not None:
                assert exact.message_ids[place] == message_id
                assert place not in exact.repaired
                self.is_clean(record, message_id)
        return sum(message_id is not None for message_id in accepted)

    def is_clean(self, record: Record, message_id: str) -> None:
        assert record.value is not None
        found = clean_message_id(record.value, record.key, record.accepted_at_ms, self.catalogue, self.freshness)
        assert found == message_id


def _columns(records: Sequence[Record]) -> tuple[list[bytes | None], list[bytes | None], list[int]]:
    return [r.value for r in records], [r.key for r in records], [r.accepted_at_ms for r in records]


@pytest.fixture(scope="module", params=list(CATALOGUES.values()), ids=list(CATALOGUES))
def ways(request: pytest.FixtureRequest) -> Ways:
    return Ways(request.param)


_MANY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_MANY
@given(st.lists(written(), min_size=1, max_size=6))
def test_both_ways_agree_on_what_devices_may_write(ways: Ways, records: list[Record]) -> None:
    event(f"fast way took {ways.check(records)} of {len(records)}")


@_MANY
@given(st.lists(any_record(), min_size=1, max_size=6))
def test_both_ways_agree_on_any_bytes(ways: Ways, records: list[Record]) -> None:
    ways.check(records)


@_MANY
@given(st.lists(damaged(st.just(Record(SOUND_BYTES, KEY, ACCEPTED_AT_MS))), min_size=1, max_size=12))
def test_both_ways_agree_on_a_damaged_sound_record(ways: Ways, records: list[Record]) -> None:
    ways.check(records)


def _every_byte_changed(value: bytes) -> Iterable[Record]:
    for at in range(len(value) + 1):
        for byte in range(256):
            one = bytes([byte])
            yield Record(value[:at] + one + value[at:], KEY, ACCEPTED_AT_MS)
            yield Record(value[:at] + one + value[at + 1 :], KEY, ACCEPTED_AT_MS)
        yield Record(value[:at] + value[at + 1 :], KEY, ACCEPTED_AT_MS)


COMPACT = {
    "with all fields": json.dumps(dict(SOUND), separators=(",", ":")).encode(),
    "with what is required": json.dumps(without("location", "battery_level", "signal_strength")).encode(),
    "with null and exponent": json.dumps({**SOUND, "location": None}).encode().replace(b"21.5", b"2.15e+01"),
    "with any UTF-8": json.dumps({**SOUND, "location": "ö€\U0001f600"}, ensure_ascii=False).encode(),
}


@pytest.mark.parametrize("value", COMPACT.values(), ids=COMPACT.keys())
def test_whatever_single_byte_is_changed_put_in_or_taken_out_only_clean_records_pass(value: bytes) -> None:
    ways = Ways(_IOT)
    records = list(_every_byte_changed(value))
    passed = [(r, m) for r, m in zip(records, ways.accept(records), strict=True) if m is not None]
    assert len(passed) > 100
    for record, message_id in passed:
        ways.is_clean(record, message_id)
    assert ways.check([record for record, _ in passed]) == len(passed)


@pytest.mark.parametrize("value", COMPACT.values(), ids=COMPACT.keys())
def test_clean_records_take_the_fast_way(value: bytes) -> None:
    assert Ways(_IOT).accept([Record(value, KEY, ACCEPTED_AT_MS)] * 3) == [SOUND["message_id"]] * 3


def test_members_doubled_in_place_of_members_missing_do_not_pass() -> None:
    """As many quotes as a clean record has, so that counting them would not tell."""
    for catalogue in CATALOGUES.values():
        ways = Ways(catalogue)
        for missing in SOUND:
            for doubled in SOUND:
                for times in (1, 2):
                    text = (
                        json.dumps(without(missing))[:-1] + f', "{doubled}": {json.dumps(SOUND[doubled])}' * times + "}"
                    )
                    for record in (text, text.replace('{"', '{"sensor_type": "humidity", "', 1)):
                        ways.check([Record(record.encode(), KEY, ACCEPTED_AT_MS)])


@pytest.mark.parametrize("accepted_at_ms", [-1, 0, 2**62, 2**63 - 1, -(2**63), 253_402_300_799_999])
def test_a_time_of_acceptance_beyond_any_calendar_is_judged_the_same(ways: Ways, accepted_at_ms: int) -> None:
    record = Record(SOUND_BYTES, KEY, accepted_at_ms)
    assert ways.check([record]) == 0
    (reasons,) = ways.judge.judge_exactly(*_columns([record])).dead.values()
    assert [reason.code for reason in reasons] == ["too_old" if accepted_at_ms > ACCEPTED_AT_MS else "from_future"]


def test_without_limits_of_freshness_history_takes_the_fast_way() -> None:
    ways = Ways(_IOT, Freshness(None, None))
    for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2000-02-29T12:00:00.5Z"):
        value = json.dumps({**SOUND, "generated_at": text}).encode()
        assert ways.check([Record(value, KEY, 0)]) == 1
