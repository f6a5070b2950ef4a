"""Marts: the same rows however they are built, no hour forgotten, and counts that a person can add up."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from iot_platform.contract.catalogue import NullPolicy
from iot_platform.contract.reasons import Code
from iot_platform.errors import UsageError
from iot_platform.quality.advice import ADVICE
from iot_platform.quality.hours import HOUR, Hours
from iot_platform.quality.marts import build, due_hours
from iot_platform.quality.tables import MARTS
from iot_platform.warehouse import scripts
from iot_platform.warehouse.marts import Connection, note_due_hours
from tests.quality.fleet_loads import Record
from tests.quality.rows import CATALOGUES, NOON, dead, load, made, made_all, reading, repeats, table, warehouse

_HOURLY = [mart.name for mart in MARTS.values() if mart.hourly]
_BUILT = [mart.name for mart in MARTS.values() if not mart.stored]
# A mart that looks back follows others and not loads, and each of its hours is built alone: test_findings.py has it.
_FROM_LOADS = [name for name in _BUILT if MARTS[name].reach_hours is None]


def hours_of(start: datetime, count: int = 1) -> Hours:
    return Hours(start, start + count * HOUR)


def _some_loads(seed: int, loads: int) -> list[tuple[list[Record], list[Record], list[object]]]:
    """Loads with rows of six hours in any order: late ones, nulls, repairs, dead letters and repeats among them."""
    chance = random.Random(seed)

    def moment() -> datetime:
        return NOON + timedelta(milliseconds=chance.randrange(6 * 3_600_000))

    def one() -> Record:
        return reading(
            moment(), f"sensor-{chance.randrange(4)}", partition=chance.randrange(2),
            filled=["unit"] if chance.random() < 0.2 else [],
            location=chance.choice([None, "roof", "hall"]), battery_level=chance.choice([None, 50.0]),
            firmware=chance.choice([1, "1", None]),
        )  # fmt: skip

    def bad() -> Record:
        reason = chance.choice([(Code.RANGE, "value"), (Code.NULL_CRITICAL, "value"), (Code.DUPLICATE_KEY, "any")])
        sensor = chance.choice(["sensor-1", "sensor-9", None])
        return dead(moment(), sensor, reason, value=chance.choice([b'{"sensor_type": "light"}', b"\xff", None]))

    return [
        (
            [one() for _ in range(chance.randrange(12))],
            [bad() for _ in range(chance.randrange(5))],
            [repeats(moment(), {"sensor-1": 2, "*": 1}) for _ in range(chance.randrange(2))],
        )
        for _ in range(loads)
    ]


# A seed has no smaller form: shrinking would take minutes and tell nothing.
@settings(max_examples=7, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 10_000), data=st.data())
def test_any_split_of_the_hours_in_any_order_between_any_loads_gives_the_same_tables(
    seed: int, data: st.DataObject
) -> None:
    loads = _some_loads(seed, 4)
    end = NOON + 7 * HOUR
    at_once, by_parts = warehouse(), warehouse()
    for valid, dead_letters, ledger in loads:
        load(at_once, valid, dead_letters, ledger)  # type: ignore[arg-type]
    made_all(at_once, end)
    for valid, dead_letters, ledger in loads:
        load(by_parts, valid, dead_letters, ledger)  # type: ignore[arg-type]
        for mart in data.draw(st.permutations(_FROM_LOADS)):
            first = data.draw(st.integers(0, 5))
            count = data.draw(st.integers(0, 6 - first))
            if MARTS[mart].hourly and count:
                made(by_parts, mart, hours_of(NOON + first * HOUR, count), end)
            elif data.draw(st.booleans()):
                made(by_parts, mart, now=end)
    made_all(by_parts, end)
    assert due_hours(by_parts, end) is None
    for mart in _BUILT:
        assert table(by_parts, mart) == table(at_once, mart), mart


@pytest.fixture
def connection() -> Connection:
    return warehouse()


@pytest.mark.parametrize("mart", [name for name in _FROM_LOADS if MARTS[name].hourly])
def test_late_rows_build_their_hour_again_and_no_other(connection: Connection, mart: str) -> None:
    load(connection, [reading(NOON), reading(NOON + 2 * HOUR)], [dead(NOON)], [repeats(NOON, {"sensor-1": 1})])
    assert made(connection, mart, now=NOON + 3 * HOUR).hours == 2
    assert made(connection, mart, now=NOON + 3 * HOUR).hours == 0
    late = reading(NOON + timedelta(minutes=5), "late", location=None, firmware="2")
    load(connection, [late], [dead(NOON, "late")])
    built = made(connection, mart, now=NOON + 3 * HOUR)
    assert built.hours == 1
    assert built.changed > 0


def test_due_hours_are_the_smallest_range_over_all_hourly_marts(connection: Connection) -> None:
    now = NOON + 5 * HOUR
    assert due_hours(connection, now) is None
    load(connection, [reading(NOON + timedelta(minutes=1)), reading(NOON + 3 * HOUR)])
    assert due_hours(connection, now) == hours_of(NOON, 4)
    for mart in _HOURLY:
        made(connection, mart, hours_of(NOON, 3), now)
    assert due_hours(connection, now) == hours_of(NOON + 3 * HOUR)
    made_all(connection, now)
    assert due_hours(connection, now) is None
    load(connection, ledger=[repeats(NOON + HOUR, {"sensor-1": 1})])
    assert due_hours(connection, now) == hours_of(NOON + HOUR)


def test_hours_noted_before_a_crash_are_due_after_it(connection: Connection) -> None:
    load(connection, [reading(NOON)])
    made_all(connection)
    load(connection, [reading(NOON - HOUR)])
    mart = MARTS["sensor_quality"]
    note_due_hours(connection, mart.name, mart.sources, NOON)  # and the build that should follow never came
    assert due_hours(connection, NOON) == hours_of(NOON - HOUR)
    assert made(connection, mart.name).hours == 1


def test_a_clock_gone_wrong_does_not_widen_the_range_and_its_hour_is_built_all_the_same(
    connection: Connection,
) -> None:
    past, future = NOON - timedelta(days=20_000), NOON + timedelta(days=20_000)
    load(connection, [reading(past), reading(NOON), reading(future)])
    assert due_hours(connection, NOON) == hours_of(NOON)
    assert made(connection, "sensor_quality").hours == 3
    assert [row["hour"] for row in table(connection, "sensor_quality")] == [past, NOON, future]


def test_only_hourly_marts_take_hours(connection: Connection) -> None:
    with pytest.raises(UsageError, match="silent_sensors is not built by the hour"):
        made(connection, "silent_sensors", hours_of(NOON))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOON, NOON),
        (NOON + HOUR, NOON),
        (NOON + timedelta(seconds=1), NOON + HOUR),
        (NOON.replace(tzinfo=None), (NOON + HOUR).replace(tzinfo=None)),
    ],
)
def test_hours_are_whole_and_in_order_and_have_a_zone(start: datetime, end: datetime) -> None:
    with pytest.raises(UsageError):
        Hours(start, end)


def test_a_stream_is_told_with_its_pauses(connection: Connection) -> None:
    moments = [NOON + timedelta(seconds=second) for second in (0, 0.9, 1.9, 10, 3_590, 3_605)]
    load(connection, [reading(moment) for moment in moments], [dead(NOON + timedelta(seconds=12), "b")])
    made(connection, "stream_flow", now=NOON + 2 * HOUR)
    first, second = table(connection, "stream_flow")
    assert (first["valid"], first["dead"], first["sensors"], first["share_dead"]) == (5, 1, 2, 1 / 6)
    assert (first["first_at"], first["last_at"]) == (NOON, moments[4])
    assert [moment.astimezone(UTC) for moment in first["pause_starts"]] == [
        moments[2], moments[3], NOON + timedelta(seconds=12)
    ]  # fmt: skip
    assert first["pause_seconds"] == pytest.approx([8.1, 2, 3_578])
    assert first["longest_pause_seconds"] == pytest.approx(3_578)
    assert (second["first_at"], second["pause_seconds"]) == (moments[5], [])


def test_dead_letters_are_counted_by_reason_with_their_share_and_what_to_do(connection: Connection) -> None:
    claims = b'{"sensor_type": "light"}'
    both = dead(NOON, "b", (Code.RANGE, "value"), (Code.UNIT, "unit"), value=claims)
    load(connection, [reading(NOON), reading(NOON)], [dead(NOON, "a", value=claims), both])
    made(connection, "dlq_summary")
    rows = {(row["code"], row["field"]): row for row in table(connection, "dlq_summary")}
    ranges = rows["range", "value"]
    assert (ranges["dead_letters"], ranges["sensors"], ranges["share"], ranges["sensor_type"]) == (2, 2, 0.5, "light")
    assert (rows["unit", "unit"]["dead_letters"], rows["unit", "unit"]["share"]) == (1, 0.25)
    assert rows["unit", "unit"]["example"] == "unit of unit"
    assert rows["unit", "unit"]["what_to_do"] == ADVICE[Code.UNIT]


def test_what_a_dead_record_says_of_itself_never_becomes_a_group_of_its_own(connection: Connection) -> None:
    values = [b'{"sensor_type": "made up"}', b"\xff", b"[" * 500, None, b'{"sensor_type": 3}']
    load(connection, (), [
        dead(NOON + timedelta(seconds=second), "a", (Code.DUPLICATE_KEY, f"key {second}"), value=value)
        for second, value in enumerate(values)
    ])  # fmt: skip
    made(connection, "dlq_summary")
    (row,) = table(connection, "dlq_summary")
    assert (row["field"], row["sensor_type"], row["dead_letters"], row["share"]) == ("", None, 5, 1.0)


def test_there_is_advice_for_every_reason() -> None:
    assert set(ADVICE) == set(Code)


def test_the_sensors_of_an_hour_add_up_to_all_its_records(connection: Connection) -> None:
    good = [reading(NOON + timedelta(seconds=10 * second), "a") for second in range(4)]
    load(connection, good, [dead(NOON + timedelta(seconds=40), "a"), dead(NOON, None)], [repeats(NOON, {"a": 2})])
    made(connection, "sensor_quality")
    none, a = table(connection, "sensor_quality")
    assert (none["sensor_id"], none["valid"], none["dead"], none["score"]) == ("(none)", 0, 1, 0.0)
    assert (a["valid"], a["dead"], a["duplicates"], a["share_dead"]) == (4, 1, 2, 0.2)
    assert (a["interval_seconds"], a["last_seen"]) == (10.0, NOON + timedelta(seconds=40))
    assert a["score"] == pytest.approx(100 * 0.8 * (1 - (2 / 6) / 2), abs=0.05)


def test_a_sensor_without_fault_scores_100(connection: Connection) -> None:
    load(connection, [reading(NOON)])
    made(connection, "sensor_quality")
    assert [row["score"] for row in table(connection, "sensor_quality")] == [100.0]


def test_nulls_are_counted_as_they_were_sent(connection: Connection) -> None:
    load(connection, [
        reading(NOON, "a", location="roof"),
        reading(NOON, "a", location=None, filled=["unit"]),
        reading(NOON, "b", location="roof", battery_level=None),
        reading(NOON, "b", location="roof"),
    ], [dead(NOON, "b", (Code.NULL_CRITICAL, "value")), dead(NOON, "b", (Code.RANGE, "value"))])  # fmt: skip
    made(connection, "null_rates")
    rates = {
        (row["field"], row["sensor_id"], row["location"]): (row["nulls"], row["readings"])
        for row in table(connection, "null_rates")
    }
    assert rates["location", "a", "roof"] == rates["unit", "a", "roof"] == (1, 2)
    assert rates["battery_level", "b", "roof"] == (1, 2)
    assert rates["battery_level", "(all)", "roof"] == rates["battery_level", "(all)", "(all)"] == (1, 4)
    assert rates["value", "b", "roof"] == (1, 3)
    assert rates["value", "(all)", "(all)"] == (1, 5)
    assert rates["signal_strength", "(all)", "(all)"] == (0, 4)
    assert not {sensor for field, sensor, _ in rates if field == "signal_strength"} - {"(all)"}


@pytest.mark.parametrize(("policy", "score", "has_rate"), [("keep", 75.0, True), ("unused", 100.0, False)])
def test_a_field_that_the_catalogue_calls_unused_is_missed_by_nobody(
    connection: Connection, policy: NullPolicy, score: float, has_rate: bool
) -> None:
    catalogue = CATALOGUES["iot_data"]
    mains = replace(catalogue, nulls={**catalogue.nulls, "battery_level": policy, "signal_strength": policy})
    load(connection, [reading(NOON, battery_level=None, signal_strength=None)])
    for mart in ("null_rates", "sensor_quality"):
        build(connection, MARTS[mart], now=NOON, catalogues={"iot_data": mains})
    assert [row["score"] for row in table(connection, "sensor_quality")] == [score]
    fields = {row["field"] for row in table(connection, "null_rates")}
    assert ("battery_level" in fields, "signal_strength" in fields, "location" in fields) == (has_rate, has_rate, True)


def test_duplicates_are_those_of_the_ledger(connection: Connection) -> None:
    load(connection, [reading(NOON, "a")] * 3, ledger=[repeats(NOON, {"a": 1, "*": 4})])
    made(connection, "duplicate_rates")
    rows = {
        row["sensor_id"]: (row["duplicates"], row["valid"], row["rate"]) for row in table(connection, "duplicate_rates")
    }
    assert rows == {"a": (1, 3, 0.25), "*": (4, 0, 1.0), "(all)": (5, 3, 5 / 8)}


def test_samples_are_the_newest_five_of_each_reason(connection: Connection) -> None:
    for first in (0, 4):
        seconds = range(first, first + 4)
        load(connection, (), [dead(NOON + timedelta(seconds=n), "a", value=f"é{n}".encode()) for n in seconds])
        made(connection, "dlq_samples")
    assert [row["payload"] for row in table(connection, "dlq_samples")] == [f"é{second}" for second in range(3, 8)]


@pytest.mark.parametrize(
    ("value", "payload"),
    [
        (None, "(no value)"),
        (b"", ""),
        (b"a" * 600, "a" * 500),
        (("é" * 600).encode(), "é" * 500),
        (b"\xff\x00" * 600, "FF00" * 125),
    ],
    ids=["none", "empty", "ascii", "utf-8", "bytes"],
)
def test_a_payload_is_text_where_it_is_utf_8_and_hexadecimal_elsewhere(
    connection: Connection, value: bytes | None, payload: str
) -> None:
    load(connection, (), [dead(NOON, value=value)])
    made(connection, "dlq_samples")
    assert [row["payload"] for row in table(connection, "dlq_samples")] == [payload]


def test_every_mart_that_is_built_has_its_select_and_every_mart_its_figures(connection: Connection) -> None:
    assert set(scripts.marts()) == set(_BUILT)
    assert set(scripts.figures()) == set(MARTS)
    for mart in MARTS.values():
        columns = [name for name, _ in made(connection, mart.name).columns]
        assert ("hour" in columns) == mart.hourly, mart.name
        assert mart.stored or columns[0] == "stream"


@pytest.mark.parametrize("mart", list(MARTS))
def test_figures_have_the_same_keys_in_an_empty_warehouse_and_cells_are_plain(
    connection: Connection, mart: str
) -> None:
    empty = made(connection, mart)
    assert (empty.rows, empty.preview) == (0, [])
    load(connection, [reading(NOON), reading(NOON, location=None)], [dead(NOON)], [repeats(NOON, {"sensor-1": 1})])
    made_all(connection)
    full = made(connection, mart)
    assert full.figures.keys() == empty.figures.keys()
    assert all(math.isfinite(figure) for built in (empty, full) for figure in built.figures.values())
    assert all(isinstance(cell, str | int | float | None) for row in full.preview for cell in row.values())
    assert all(list(row) == [name for name, _ in full.columns] for row in full.preview)
