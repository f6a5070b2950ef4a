"""The table 'Odd records: the verdict' of the interfaces, every line in several spellings, by every way of judging."""

from __future__ import annotations

import pytest

from iot_platform.contract.catalogue import Catalogue, SensorType
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.contract.reasons import Code
from tests.contract.odd_bytes import DECODING, DUPLICATE_KEYS
from tests.contract.odd_fields import NOT_A_MOMENT, NOT_A_SENSOR_ID, NOT_A_UUID, REFUSED
from tests.contract.odd_sound import ACCEPTED, REPAIRED
from tests.contract.records import KEY, MAX_BYTES, SOUND_BYTES, VALID, encoded, spelled, verdict, verdicts


@pytest.mark.parametrize(("code", "value"), [(c, v) for c, _, v in DECODING], ids=[f"{c}-{n}" for c, n, _ in DECODING])
def test_what_cannot_be_decoded_has_one_reason(judge: Judge, code: Code, value: bytes | None) -> None:
    found = verdict(judge, value)
    assert [reason.code for reason in found.reasons] == [code]
    assert found.message_id is None


def test_the_duplicate_key_is_named(judge: Judge) -> None:
    assert verdict(judge, DUPLICATE_KEYS["by escaped spelling"]).codes == ["duplicate_key:value"]
    assert verdict(judge, DUPLICATE_KEYS["in an unknown field"]).codes == ["duplicate_key:a"]


def test_a_tombstone_is_told_from_zero_bytes(judge: Judge) -> None:
    tombstone, nothing = (verdict(judge, value).reasons[0].detail for value in (None, b""))
    assert tombstone != nothing


@pytest.mark.parametrize(("value", "codes"), REFUSED.values(), ids=REFUSED.keys())
def test_what_breaks_rules_lists_each_of_them(judge: Judge, value: bytes, codes: list[str]) -> None:
    found = verdict(judge, value)
    assert found.codes == codes
    assert all(reason.detail for reason in found.reasons)


@pytest.mark.parametrize("text", NOT_A_MOMENT)
def test_what_is_no_moment_is_a_mistake_of_format_and_of_nothing_else(judge: Judge, text: str) -> None:
    assert verdict(judge, encoded(generated_at=text)).codes == ["format:generated_at"]


@pytest.mark.parametrize("text", NOT_A_UUID)
def test_what_is_no_uuid_is_a_mistake_of_format(judge: Judge, text: str) -> None:
    assert verdict(judge, encoded(message_id=text)).codes == ["format:message_id"]


@pytest.mark.parametrize("text", NOT_A_SENSOR_ID)
def test_what_is_no_sensor_id_is_a_mistake_of_format(judge: Judge, text: str) -> None:
    value = encoded(sensor_id=text)
    assert verdict(judge, value, text.encode()).codes == ["format:sensor_id"]
    assert verdict(judge, value, b"other").codes == ["format:sensor_id", "key_mismatch:sensor_id"]


@pytest.mark.parametrize(
    "key", [None, b"", b"other", KEY + b"\0", KEY + b"\n", KEY.upper(), b'"sensor-1"', b"\xff\xfe"]
)
def test_a_key_that_is_not_the_sensors_id_is_a_mismatch(judge: Judge, key: bytes | None) -> None:
    assert verdict(judge, SOUND_BYTES, key).codes == ["key_mismatch:sensor_id"]


def test_a_sensor_id_of_the_wrong_kind_is_told_once_whatever_the_key(judge: Judge) -> None:
    assert verdict(judge, spelled(sensor_id="7"), b"7").codes == ["type:sensor_id"]
    assert verdict(judge, spelled(sensor_id="null"), b"7").codes == ["null_critical:sensor_id"]


@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_sound_is_valid_and_its_bytes_are_left_alone(judge: Judge, value: bytes) -> None:
    assert verdict(judge, value) == VALID


def test_2_to_the_70_is_a_number_like_any_other() -> None:
    kind = SensorType("temperature", "Cel", -(2.0**80), 2.0**80, 1)
    wide = Judge(Catalogue("wide", {"temperature": kind}), Freshness(86_400, 300), MAX_BYTES)
    assert verdict(wide, spelled(value=str(2**70))) == VALID
    assert verdict(wide, spelled(value=str(-(2**70)))) == VALID
    assert verdict(wide, spelled(value=str(2**80))) == VALID
    assert verdict(wide, spelled(value=str(2**81))).codes == ["range:value"]


def test_leap_day_and_sensor_ids_of_every_character_are_sound(judge: Judge) -> None:
    longest = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-".ljust(128, "x")
    assert verdict(judge, encoded(sensor_id=longest), longest.encode()) == VALID
    leap_day_ms = 1_709_208_000_000
    assert verdict(judge, encoded(generated_at="2024-02-29T11:59:59.9Z"), at_ms=leap_day_ms) == VALID


@pytest.mark.parametrize(("value", "filled", "fields"), REPAIRED.values(), ids=REPAIRED.keys())
def test_a_null_with_a_policy_is_filled_and_no_other_byte_changes(
    judge: Judge, value: bytes, filled: bytes, fields: tuple[str, ...]
) -> None:
    found = verdict(judge, value)
    assert found.codes == []
    assert found.repair is not None
    assert (found.repair.value, found.repair.fields) == (filled, fields)
    assert verdict(judge, filled) == VALID


def test_every_code_that_the_contract_can_give_is_reached(judge: Judge) -> None:
    values = [value for _, _, value in DECODING] + [value for value, _ in REFUSED.values()]
    values += [encoded(sensor_id="a b"), encoded(sensor_id="other")]
    reached = {reason.code for found in verdicts(judge, values) for reason in found.reasons}
    given_elsewhere = {Code.CONFLICT, Code.OUTPUT_TOO_LARGE, Code.UNPROCESSABLE}
    assert reached == set(Code) - given_elsewhere


def test_all_odd_records_in_one_batch_have_the_verdicts_they_have_alone(judge: Judge) -> None:
    values = [value for _, _, value in DECODING]
    values += [value for value, _ in REFUSED.values()]
    values += list(ACCEPTED.values())
    values += [value for value, _, _ in REPAIRED.values()]
    together = verdicts(judge, values)
    assert together == [verdicts(judge, [value])[0] for value in values]
