"""The simulated fleet: the same seed and origin give the same bytes, on time, and every troublemaker earns its name."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from iot_platform.clock import ManualClock, unix_millis
from iot_platform.contract.catalogue import Catalogue, SensorType, load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.settings import FleetSettings
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.sources.fleet import Fleet

START = datetime(2026, 7, 1, tzinfo=UTC)
IOT_DATA = load_catalogue("iot_data")


def fleet(clock: ManualClock, origin: str | None = "origin", **changes: object) -> Fleet:
    return Fleet(FleetSettings(**changes), IOT_DATA, clock, origin=origin)


def taken(source: Fleet, clock: ManualClock, seconds: int) -> list[Reading]:
    """Everything the fleet gives in that many seconds, asked each second."""
    readings: list[Reading] = []
    for _ in range(seconds):
        clock.advance(1)
        while more := source.batch(500).readings:
            readings.extend(more)
    return readings


@pytest.fixture(scope="module")
def two_hours() -> dict[str, list[Reading]]:
    """By sensor, what the default fleet gives in two hours."""
    clock = ManualClock(START)
    source = fleet(clock)
    source.start(None)
    by_sensor = defaultdict(list)
    for reading in taken(source, clock, 7_200):
        assert reading.key is not None
        by_sensor[reading.key.decode()].append(reading)
    return by_sensor


def documents(readings: list[Reading]) -> list[dict[str, object]]:
    return [json.loads(reading.value or b"") for reading in readings]


def test_the_same_seed_and_origin_give_the_same_bytes() -> None:
    def once() -> list[Reading]:
        clock = ManualClock(START)
        source = fleet(clock)
        source.start(None)
        return taken(source, clock, 600)

    assert once() == once()


def test_another_origin_gives_other_ids() -> None:
    def ids(origin: str) -> set[object]:
        clock = ManualClock(START)
        source = fleet(clock, origin, sensors=20)
        source.start(None)
        return {document["message_id"] for document in documents(taken(source, clock, 60))}

    assert not ids("a") & ids("b")


def test_origins_are_random_unless_given() -> None:
    first, second = (fleet(ManualClock(START), origin=None) for _ in range(2))
    first.start(None)
    second.start(None)
    assert first.batch(1).cursor["origin"] != second.batch(1).cursor["origin"]


@pytest.mark.parametrize("limit", [1, 7, 100, 5_000])
def test_a_run_that_goes_on_from_any_cursor_gives_what_the_first_would_have_given(limit: int) -> None:
    clock = ManualClock(START)
    whole = fleet(clock, rate=1000)
    whole.start(None)
    clock.advance(9)
    expected = [reading for _ in range(20) for reading in whole.batch(500).readings]

    cursor, got = None, []
    while len(got) < 3_000:
        part = fleet(clock, rate=1000)
        if cursor is None:
            clock_at_birth = ManualClock(START)
            part = Fleet(FleetSettings(rate=1000), IOT_DATA, clock_at_birth, origin="origin")
            part.start(None)
            clock_at_birth.advance(9)
        else:
            part.start(cursor)
        batch = part.batch(limit if limit > 1 else 100)
        got += batch.readings
        cursor = json.loads(json.dumps(batch.cursor))
    assert got == expected[: len(got)]


@pytest.mark.parametrize("rate", [1.0, 10.0, 250.0])
def test_it_sends_at_its_rate(rate: float) -> None:
    clock = ManualClock(START)
    source = fleet(clock, sensors=20, rate=rate)
    source.start(None)
    assert len(taken(source, clock, 300)) == pytest.approx(300 * rate, rel=0.1)


def test_readings_are_taken_when_they_are_due_not_before(two_hours: dict[str, list[Reading]]) -> None:
    for reading in two_hours["temperature-01"]:
        generated = datetime.fromisoformat(str(json.loads(reading.value or b"")["generated_at"]))
        assert 0 <= reading.accepted_at_ms - unix_millis(generated) <= 1_100


def test_after_a_long_stop_it_does_not_make_up_for_what_nobody_took() -> None:
    clock = ManualClock(START)
    source = fleet(clock)
    source.start(None)
    before = documents(taken(source, clock, 60)[:5])
    cursor = source.batch(1).cursor
    clock.advance(86_400 * 3)
    resumed = fleet(clock)
    resumed.start(cursor)
    after = resumed.batch(10_000).readings
    assert len(after) <= 2
    later = [r for r in taken(resumed, clock, 60) if r.key and not r.key.startswith(b"trouble")]
    assert all("2026-07-04" in str(document["generated_at"]) for document in documents(later))
    assert not {d["message_id"] for d in before} & {d["message_id"] for d in documents(later)}


def test_another_shape_of_fleet_begins_a_new_origin() -> None:
    clock = ManualClock(START)
    source = fleet(clock, origin=None)
    source.start(None)
    cursor = source.batch(1).cursor
    other = fleet(clock, origin=None, rate=20)
    other.start(cursor)
    assert other.batch(1).cursor["origin"] != cursor["origin"]


def test_each_sensor_keeps_its_own_interval() -> None:
    slow = SensorType("slow", "Cel", 0, 10, interval_seconds=30)
    quick = SensorType("quick", "Cel", 0, 10, interval_seconds=3)
    clock = ManualClock(START)
    rate = 5 * (1 / 30 + 1 / 3)
    source = Fleet(FleetSettings(sensors=10, rate=rate), Catalogue("c", {"slow": slow, "quick": quick}), clock)
    source.start(None)
    counts = Counter(reading.key for reading in taken(source, clock, 300))
    assert {counts[f"slow-{n:02d}".encode()] for n in range(1, 6)} == {10}
    assert {counts[f"quick-{n:02d}".encode()] for n in range(1, 6)} == {100}


def test_healthy_sensors_stay_within_their_range_all_day() -> None:
    clock = ManualClock(START)
    source = fleet(clock, sensors=20)
    source.start(None)
    for _ in range(24 * 60):
        clock.advance(60)
        for document in documents(list(source.batch(50).readings)):
            kind = IOT_DATA.types[str(document["sensor_type"])]
            assert kind.minimum <= float(str(document["value"])) <= kind.maximum
            assert document["unit"] == kind.unit


def test_temperature_follows_the_day() -> None:
    clock = ManualClock(START)
    source = fleet(clock, sensors=20, rate=1)
    source.start(None)
    means = {}
    for hour in range(24):
        values = [
            float(str(d["value"])) for d in documents(taken(source, clock, 3_600)) if d["sensor_type"] == "temperature"
        ]
        means[hour] = sum(values) / len(values)
    assert max(means, key=means.__getitem__) in range(13, 17)
    assert min(means, key=means.__getitem__) in {23, 0, 1, 2, 3, 4}


def test_three_to_six_per_cent_are_dead_and_only_troublemakers_send_them(two_hours: dict[str, list[Reading]]) -> None:
    everything = [reading for readings in two_hours.values() for reading in readings]
    dead = [reading for reading in everything if reading.expectation == "dead"]
    assert 0.03 <= len(dead) / len(everything) <= 0.06
    assert all(reading.key and reading.key.startswith(b"trouble-") for reading in dead)


def test_the_rules_agree_with_what_the_fleet_expects(two_hours: dict[str, list[Reading]]) -> None:
    everything = [reading for readings in two_hours.values() for reading in readings]
    judgement = Judge(IOT_DATA, Freshness(86_400, 300), 1_000_000).judge(
        [reading.value for reading in everything],
        [reading.key for reading in everything],
        [reading.accepted_at_ms for reading in everything],
    )
    expected = {place for place, reading in enumerate(everything) if reading.expectation == "dead"}
    assert set(judgement.dead) == expected


TROUBLES = {
    "stuck": {"valid"},
    "drift": {"valid", "dead"},
    "null-value": {"valid", "dead"},
    "null-optional": {"valid"},
    "clock-ahead": {"valid", "dead"},
    "clock-behind": {"valid", "dead"},
    "duplicate": {"valid", "repeat"},
    "silent": {"valid"},
    "malformed": {"valid", "dead"},
    "unit": {"valid", "dead"},
}


@pytest.mark.parametrize(("name", "expected"), TROUBLES.items())
def test_every_troublemaker_is_in_the_default_fleet(
    two_hours: dict[str, list[Reading]], name: str, expected: set[str]
) -> None:
    assert {reading.expectation for reading in two_hours[f"trouble-{name}-01"]} == expected


def dead(two_hours: dict[str, list[Reading]], name: str) -> list[Reading]:
    return [reading for reading in two_hours[f"trouble-{name}-01"] if reading.expectation == "dead"]


def test_stuck_sends_one_value_for_ever(two_hours: dict[str, list[Reading]]) -> None:
    assert len({document["value"] for document in documents(two_hours["trouble-stuck-01"])}) == 1


def test_drifting_leaves_its_range_slowly(two_hours: dict[str, list[Reading]]) -> None:
    values = [float(str(document["value"])) for document in documents(two_hours["trouble-drift-01"])][:240]
    assert values == sorted(values)
    kind = IOT_DATA.types[str(documents(two_hours["trouble-drift-01"])[0]["sensor_type"])]
    assert values[0] < kind.maximum < values[-1]


def test_nulls_come_in_bursts_in_critical_and_in_optional_fields(two_hours: dict[str, list[Reading]]) -> None:
    assert all(document["value"] is None for document in documents(dead(two_hours, "null-value")))
    gaps = [d for d in documents(two_hours["trouble-null-optional-01"]) if d["unit"] is None]
    assert gaps
    assert all(d["location"] is None and d["battery_level"] is None and d["value"] is not None for d in gaps)


def test_skewed_clocks_are_ahead_and_behind(two_hours: dict[str, list[Reading]]) -> None:
    def ahead_seconds(reading: Reading) -> float:
        moment = datetime.fromisoformat(str(json.loads(reading.value or b"")["generated_at"]))
        return (unix_millis(moment) - reading.accepted_at_ms) / 1000

    assert all(ahead_seconds(reading) > 300 for reading in dead(two_hours, "clock-ahead"))
    assert all(ahead_seconds(reading) < -86_400 for reading in dead(two_hours, "clock-behind"))


def test_duplicates_are_the_same_bytes_again_and_come_later(two_hours: dict[str, list[Reading]]) -> None:
    seen: set[bytes | None] = set()
    for reading in two_hours["trouble-duplicate-01"]:
        assert (reading.expectation == "repeat") == (reading.value in seen)
        seen.add(reading.value)


def test_the_silent_one_stops_for_long(two_hours: dict[str, list[Reading]]) -> None:
    times = [reading.accepted_at_ms for reading in two_hours["trouble-silent-01"]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) >= 600_000


def test_malformed_breaks_json_utf8_types_and_shape(two_hours: dict[str, list[Reading]]) -> None:
    found = set()
    for reading in dead(two_hours, "malformed"):
        value = reading.value or b""
        try:
            document = json.loads(value.decode())
        except UnicodeDecodeError:
            found.add("utf8")
        except ValueError:
            found.add("json")
        else:
            found.add("shape" if isinstance(document, list) else "type")
    assert found == {"utf8", "json", "shape", "type"}


def test_the_wrong_unit_is_no_unit_of_its_type(two_hours: dict[str, list[Reading]]) -> None:
    assert {document["unit"] for document in documents(dead(two_hours, "unit"))} == {"degF"}


def test_half_of_the_nullable_fields_can_be_null() -> None:
    clock = ManualClock(START)
    source = fleet(clock, sensors=20, rate=100, null_share=0.5)
    source.start(None)
    given = documents(taken(source, clock, 60))
    for name in ("value", "unit", "location", "battery_level", "signal_strength"):
        assert sum(document[name] is None for document in given) / len(given) == pytest.approx(0.5, abs=0.05)


def test_producers_that_share_a_fleet_have_all_its_sensors_once_and_ids_of_their_own() -> None:
    clock = ManualClock(START)
    alone = {member.sensor_id for member in fleet(clock).members}
    parts = [Fleet(FleetSettings(producers=3), IOT_DATA, clock, part=part) for part in range(3)]
    members = [member.sensor_id for part in parts for member in part.members]
    assert len(members) == len(set(members)) == 50
    assert set(members) == alone
    assert [part.name for part in parts] == ["fleet", "fleet-1", "fleet-2"]
    for part in parts:
        part.start(None)
    clock.advance(9)  # a fleet further behind than 10 s lets the time go
    readings = [reading for part in parts for reading in part.batch(500).readings]
    ids = [
        found.decode() for reading in readings for found in re.findall(rb'"message_id":"([^"]+)', reading.value or b"")
    ]
    assert len(ids) > 50
    assert Counter(ids).most_common(1)[0][1] <= 2  # one troublemaker repeats itself


def test_another_number_of_producers_begins_a_new_origin_and_the_same_goes_on() -> None:
    def cursor_after(before: dict[str, object] | None, producers: int) -> dict[str, object]:
        source = Fleet(FleetSettings(producers=producers), IOT_DATA, ManualClock(START))
        source.start(before)
        return dict(source.batch(0).cursor)

    first = cursor_after(None, 1)
    assert cursor_after(first, 1) == first
    split = cursor_after(first, 3)
    assert split["origin"] != first["origin"]
    assert cursor_after(split, 3) == split
    assert cursor_after(split, 1)["origin"] not in {first["origin"], split["origin"]}


def test_more_producers_than_sensors_are_refused() -> None:
    with pytest.raises(ValueError, match="3 producers for 2 sensors"):
        FleetSettings(sensors=2, producers=3)


def test_only_the_sensors_that_are_named_leave_out_fields() -> None:
    clock = ManualClock(START)
    source = fleet(clock, sensors=20, rate=100, null_share=0.5, null_sensors="humidity-*")
    source.start(None)
    clock.advance(9)
    given = documents(list(source.batch(10_000).readings))
    lacking = {document["sensor_id"].split("-")[0] for document in given if None in document.values()}
    assert lacking == {"humidity"}
